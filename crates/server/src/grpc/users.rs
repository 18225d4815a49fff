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
