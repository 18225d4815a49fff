//! The applications of one program.

use engine::{App, command::nearest};

use crate::failure::Failure;

/// One application or several; the first is the default.
#[derive(Debug, Clone)]
pub struct Apps(Vec<App>);

impl From<App> for Apps {
    fn from(app: App) -> Self {
        Apps(vec![app])
    }
}

impl<const N: usize> From<[App; N]> for Apps {
    fn from(apps: [App; N]) -> Self {
        Apps(apps.into())
    }
}

impl From<Vec<App>> for Apps {
    fn from(apps: Vec<App>) -> Self {
        Apps(apps)
    }
}

impl Apps {
    /// What `--app` is for, with the names that it takes.
    pub(crate) fn help(&self) -> String {
        let names: Vec<_> = self.0.iter().map(App::name).collect();
        let default = names.first().unwrap_or(&"none");
        format!("The application, one of: {} [default: {default}]", names.join(", "))
    }

    /// The application of this name, or the default one.
    pub(crate) fn choose(&self, name: Option<&str>) -> Result<&App, Failure> {
        let Some(name) = name else {
            return self.0.first().ok_or_else(|| Failure::usage("this program has no application"));
        };
        self.0.iter().find(|app| app.name() == name).ok_or_else(|| {
            let names: Vec<_> = self.0.iter().map(App::name).collect();
            let hint = nearest(name, names.iter().copied())
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            Failure::usage(format!(
                "there is no application `{name}`, this program has {}{hint}",
                names.join(", ")
            ))
            .of_field("app")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apps() -> Apps {
        Apps::from([App::new("bank"), App::new("conference")])
    }

    #[test]
    fn the_first_application_is_the_default() {
        assert_eq!(apps().choose(None).unwrap().name(), "bank");
        assert_eq!(apps().choose(Some("conference")).unwrap().name(), "conference");
    }

    #[test]
    fn an_unknown_application_is_refused_with_those_that_there_are() {
        let failure = apps().choose(Some("confrence")).unwrap_err();
        assert_eq!(failure.kind, "usage");
        assert!(failure.message.contains("this program has bank, conference; did you mean `conference`?"));
    }

    #[test]
    fn a_single_application_still_answers_to_its_name() {
        assert_eq!(Apps::from(App::new("mine")).choose(Some("mine")).unwrap().name(), "mine");
    }
}
