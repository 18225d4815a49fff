//! The service `Users`: administrators manage users, and everybody his own password.

use std::{pin::Pin, sync::Arc};

use futures_util::stream::{self, Stream};
use tonic::{Request, Response, Status};

use super::{caller, status};
use crate::{
    auth::{Account, UserError},
    core::Core,
    proto::users::{
        ChangePasswordReq, ChangePasswordResp, CreateReq, CreateResp, DeleteReq, DeleteResp, DetailsReq,
        DetailsResp, DisableReq, DisableResp, EnableReq, EnableResp, ResetPasswordReq, ResetPasswordResp,
        UpdateReq, UpdateResp,
        details_resp::{UserDetails, user_details::DateTime},
        users_server::{self, UsersServer},
    },
};

pub(super) const METHODS: super::Methods = (
    users_server::SERVICE_NAME,
    &[
        ("create", &[]),
        ("update", &[]),
        ("delete", &[]),
        ("disable", &[]),
        ("enable", &[]),
        ("details", &[]),
        ("changepassword", &[]),
        ("resetpassword", &[]),
    ],
);

/// The service.
pub(super) fn service(core: Arc<Core>) -> UsersServer<Service> {
    UsersServer::new(Service { core })
}

#[derive(Debug)]
pub(super) struct Service {
    core: Arc<Core>,
}

fn admins_only<T>(request: &Request<T>) -> Result<(), Status> {
    if caller(request).is_admin() { Ok(()) } else { Err(status::access_denied()) }
}

/// Refuses everybody but administrators and the user himself.
fn himself_only<T>(request: &Request<T>, login: &str) -> Result<(), Status> {
    let caller = caller(request);
    if caller.is_admin() || caller.name() == Some(login) { Ok(()) } else { Err(status::access_denied()) }
}

fn options<T>(options: Option<T>) -> Result<T, Status> {
    options.ok_or_else(|| Status::invalid_argument("`options` is missing"))
}

#[tonic::async_trait]
impl users_server::Users for Service {
    type DetailsStream = Pin<Box<dyn Stream<Item = Result<DetailsResp, Status>> + Send>>;

    async fn create(&self, request: Request<CreateReq>) -> Result<Response<CreateResp>, Status> {
        admins_only(&request)?;
        let user = options(request.into_inner().options)?;
        let created = self.core.users.create(&user.login_name, &user.full_name, user.groups, user.password);
        created.await.map_err(of_user)?;
        Ok(Response::new(CreateResp {}))
    }

    async fn update(&self, request: Request<UpdateReq>) -> Result<Response<UpdateResp>, Status> {
        admins_only(&request)?;
        let user = options(request.into_inner().options)?;
        let updated = self.core.users.update(&user.login_name, &user.full_name, user.groups);
        updated.await.map_err(of_user)?;
        Ok(Response::new(UpdateResp {}))
    }

    async fn delete(&self, request: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        admins_only(&request)?;
        let user = options(request.into_inner().options)?;
        self.core.users.delete(&user.login_name).await.map_err(of_user)?;
        Ok(Response::new(DeleteResp {}))
    }

    async fn disable(&self, request: Request<DisableReq>) -> Result<Response<DisableResp>, Status> {
        admins_only(&request)?;
        let user = options(request.into_inner().options)?;
        self.core.users.set_disabled(&user.login_name, true).await.map_err(of_user)?;
        Ok(Response::new(DisableResp {}))
    }

    async fn enable(&self, request: Request<EnableReq>) -> Result<Response<EnableResp>, Status> {
        admins_only(&request)?;
        let user = options(request.into_inner().options)?;
        self.core.users.set_disabled(&user.login_name, false).await.map_err(of_user)?;
        Ok(Response::new(EnableResp {}))
    }

    async fn details(&self, request: Request<DetailsReq>) -> Result<Response<Self::DetailsStream>, Status> {
        let login = request.get_ref().options.as_ref().map_or("", |options| &options.login_name).to_owned();
        let accounts = if login.is_empty() {
            admins_only(&request)?;
            self.core.users.list().await
        } else {
            himself_only(&request, &login)?;
            self.core.users.get(&login).await.map(|account| vec![account])
        };
        let details = accounts.map_err(of_user)?.into_iter().map(|account| Ok(details(account)));
        Ok(Response::new(Box::pin(stream::iter(details))))
    }

    async fn change_password(
        &self,
        request: Request<ChangePasswordReq>,
    ) -> Result<Response<ChangePasswordResp>, Status> {
        let login = request.get_ref().options.as_ref().map_or("", |options| &options.login_name).to_owned();
        himself_only(&request, &login)?;
        let change = options(request.into_inner().options)?;
        let changed = self.core.users.change_password(&login, &change.current_password, change.new_password);
        changed.await.map_err(of_user)?;
        Ok(Response::new(ChangePasswordResp {}))
    }

    async fn reset_password(
        &self,
        request: Request<ResetPasswordReq>,
    ) -> Result<Response<ResetPasswordResp>, Status> {
        admins_only(&request)?;
        let reset = options(request.into_inner().options)?;
        let done = self.core.users.reset_password(&reset.login_name, reset.new_password);
        done.await.map_err(of_user)?;
        Ok(Response::new(ResetPasswordResp {}))
    }
}

fn details(account: Account) -> DetailsResp {
    DetailsResp {
        user_details: Some(UserDetails {
            login_name: account.login_name,
            full_name: account.full_name,
            groups: account.groups,
            last_updated: Some(DateTime { ticks_since_epoch: account.updated_micros.saturating_mul(10) }),
            disabled: account.disabled,
        }),
    }
}

fn of_user(error: UserError) -> Status {
    match error {
        UserError::NotFound(login) => status::user_not_found(&login),
        UserError::Conflict(login) => status::user_conflict(&login),
        UserError::Credentials => status::access_denied(),
        UserError::Invalid(fault) => Status::invalid_argument(fault),
        UserError::Hash(error) => Status::resource_exhausted(error.to_string()),
        UserError::Read(error) => status::of_read(error),
        UserError::Write(error) => status::of_append(error),
    }
}

#[cfg(test)]
mod tests {
    use users_server::Users;

    use super::*;
    use crate::{
        auth::Caller,
        core::testing,
        proto::users::{change_password_req, create_req, delete_req, details_req},
    };

    async fn service() -> Service {
        Service { core: testing::core().await }
    }

    fn by<T>(caller: &Caller, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(caller.clone());
        request
    }

    fn create(login: &str, password: &str) -> CreateReq {
        CreateReq {
            options: Some(create_req::Options {
                login_name: login.to_owned(),
                password: password.to_owned(),
                full_name: "Zoë".to_owned(),
                groups: vec!["sales".to_owned()],
            }),
        }
    }

    fn delete(login: &str) -> DeleteReq {
        DeleteReq { options: Some(delete_req::Options { login_name: login.to_owned() }) }
    }

    async fn zoe(service: &Service) -> Caller {
        service.create(by(&Caller::Trusted, create("zoe", "secret"))).await.unwrap();
        Caller::User(service.core.users.authenticate("zoe", "secret").await.unwrap())
    }

    fn exception(status: &Status) -> &str {
        status.metadata().get("exception").unwrap().to_str().unwrap()
    }

    #[tokio::test]
    async fn a_user_who_is_there_with_another_password_or_not_at_all_is_told_as_clients_know_it() {
        let service = service().await;
        zoe(&service).await;
        let conflict = service.create(by(&Caller::Trusted, create("zoe", "other"))).await.unwrap_err();
        assert_eq!((exception(&conflict), conflict.message()), ("user-conflict", "Conflict."));
        let missing = service.delete(by(&Caller::Trusted, delete("max"))).await.unwrap_err();
        assert_eq!(exception(&missing), "user-not-found");
        assert_eq!(missing.metadata().get("login-name").unwrap(), "max");
    }

    #[tokio::test]
    async fn others_than_administrators_look_at_themselves_and_change_their_own_password() {
        let service = service().await;
        let zoe = zoe(&service).await;
        let details = |login: &str| {
            by(&zoe, DetailsReq { options: Some(details_req::Options { login_name: login.to_owned() }) })
        };
        assert!(service.details(details("zoe")).await.is_ok());
        for denied in ["admin", ""] {
            assert_eq!(exception(&service.details(details(denied)).await.err().unwrap()), "access-denied");
        }
        let change = |login: &str, current: &str| {
            let options = change_password_req::Options {
                login_name: login.to_owned(),
                current_password: current.to_owned(),
                new_password: "new".to_owned(),
            };
            by(&zoe, ChangePasswordReq { options: Some(options) })
        };
        for (login, current) in [("admin", "changeit"), ("zoe", "wrong")] {
            assert_eq!(
                exception(&service.change_password(change(login, current)).await.unwrap_err()),
                "access-denied"
            );
        }
        service.change_password(change("zoe", "secret")).await.unwrap();
        assert!(service.core.users.authenticate("zoe", "new").await.is_ok());
        assert!(service.delete(by(&zoe, delete("zoe"))).await.is_err());
    }
}
