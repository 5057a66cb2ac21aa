"""What would stop the sign-in by companies and of programs, found before anything is changed. It only reads."""


def sign_in_messages(environment, aws, error, pool):
    """Each message: what is wrong, what to type, and whether it stops a deployment. `pool` is the stack's user pool, if it has one."""
    domain = environment.given["service"].get("SignInDomain")
    if not domain:
        return
    edit = "$EDITOR infra/sign-in.toml && make generate"
    try:
        found = environment.sign_in
    except SystemExit as mistake:
        yield str(mistake), edit, True
        return
    if not found["providers"] and not found["machine_clients"]:
        yield "SignInDomain is given, and infra/sign-in.toml names neither a provider nor a machine client", edit, False
    for name, table in found["providers"].items():
        for role in ("support", "operator"):
            if makers := sorted(theirs for theirs, ours in table["groups"].items() if role in ours):
                yield f"members of {', '.join(makers)} of {table['label']} become {role}, and see the jobs of all tenants", "", False
        if table["type"] == "oidc" and not secret_exists(secret := f"{environment.service_name}/sign-in/{name}", aws, error):
            command = f"aws secretsmanager create-secret --name {secret} --secret-string '{{\"client_id\": \"…\", \"client_secret\": \"…\"}}'"
            yield f"provider {name} has no secret {secret}", command, True
    # Of this account only; CloudFormation finds out whether another one has it.
    owner = aws("cognito-idp", "describe-user-pool-domain", "--domain", domain).get("DomainDescription", {}).get("UserPoolId")
    if owner and owner != pool:
        yield f"the domain {domain} (SignInDomain) belongs to user pool {owner}", f"$EDITOR infra/environments/{environment.name}.json   # another SignInDomain", True


def secret_exists(secret, aws, error):
    """Whether Secrets Manager has a secret. Its value is not read."""
    try:
        aws("secretsmanager", "describe-secret", "--secret-id", secret)
    except error as problem:
        if "ResourceNotFound" not in str(problem):
            raise
        return False
    return True
