//! What pages are made of.

pub(super) mod events;
pub(super) mod form;
pub(super) mod json;
pub(super) mod layout;
pub(super) mod words;

use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::posted::CSRF;
use crate::access::{Caller, Via};

/// Characters that may stand in a part of a path as they are.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A text as a part of a URL.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// The hidden field by which we know our own forms.
pub(super) fn secret(caller: &Caller) -> Markup {
    match &caller.via {
        Via::Session { csrf } => html! { input type="hidden" name=(CSRF) value=(csrf); },
        Via::Credentials => html! {},
    }
}

/// A form that is one button.
pub(super) fn button(
    caller: &Caller,
    action: &str,
    label: &str,
    class: &str,
    confirm: Option<&str>,
) -> Markup {
    html! {
        form method="post" action=(action) data-confirm=[confirm] {
            (secret(caller))
            button class=(class) type="submit" { (label) }
        }
    }
}

/// The widest drawing that is made smaller where there is less room; what is wider can be moved.
const FITTING: u32 = 1_500;

/// The class of a drawing of this width.
pub(super) fn drawing_class(width: u32) -> &'static str {
    if width <= FITTING { "drawing fit" } else { "drawing" }
}

/// What a page shows where there is nothing.
pub(super) fn empty(title: &str, advice: &str) -> Markup {
    html! { div.empty { strong { (title) } (advice) } }
}

/// A message to read.
pub(super) fn notice(kind: &str, text: &str) -> Markup {
    html! { div class={ "notice " (kind) } role="status" { (text) } }
}
