//! Function `sign-in-groups`: which groups the users of a company get.
//!
//! Trigger: Amazon Cognito, inbound federation and pre token generation. Grants: `SignInGroupsRole` in
//! `infra/service.yaml`, its log only.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::sign_in_groups()
}
