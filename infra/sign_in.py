"""What follows from infra/sign-in.toml: identity providers of companies, and machine clients. Standard library only.

`read` checks the file; `resources`, `settings` and `audience` are written into infra/service.yaml by generate.py.
"""

import json
import re
import urllib.parse

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10; pip brings its own reader there
    from pip._vendor import tomli as tomllib

PROVIDER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{1,29}")  # of a logical id too; Cognito allows no underscore
# Names and types of Cognito's own (API reference, CreateIdentityProvider).
RESERVED_NAMES = {"cognito", "facebook", "google", "loginwithamazon", "signinwithapple"}
MACHINE_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
TENANT = re.compile(r"[a-z0-9-]{1,40}")  # Tenant of crates/jobs/src/id.rs
DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
CLAIM = re.compile(r"[\w:/.@-]{1,128}")
SCOPE = re.compile(r"[A-Za-z0-9_.:/-]+")
MACHINE_ROLES = ("customer", "reviewer")
# Issuers of accounts of anyone, and of several organizations at once.
OF_ANYONE = ("accounts.google.com", "/common/", "/organizations/", "/consumers/")
KEYS = {
    "oidc": {"label", "type", "email_domains", "email_claim", "groups_claim", "groups", "issuer", "scopes"},
    "saml": {"label", "type", "email_domains", "email_claim", "groups_claim", "groups", "metadata_url"},
}
DEFAULTS = {
    "oidc": {"email_claim": "email", "groups_claim": "groups", "scopes": ["openid", "email", "profile"]},
    "saml": {
        "email_claim": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
        "groups_claim": "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",
    },
}
# A function's environment has 4 KB in all (Lambda developer guide, "Lambda quotas"), an attribute of Cognito 2,048 characters.
MAX_MAPPING_BYTES = 3500
MAX_GROUPS_BYTES = 1500
MAX_OFFER_BYTES = 500  # beside what the functions' environment holds already
# An authorizer takes 50 audiences (API Gateway developer guide, "Quotas for HTTP APIs").
MAX_MACHINES = 40


class Invalid(Exception):
    """sign-in.toml cannot be used; the text says what to change."""


def groups_of_template(text):
    """The roles that infra/service.yaml makes groups of."""
    return re.findall(r"^ +GroupName: ([a-z-]+)$", text, re.MULTILINE)


def read(path, roles):
    """The checked contents of sign-in.toml, with defaults filled in. `roles` are the groups that are roles."""
    try:
        given = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Invalid(f"{path}: {error}") from error
    if surplus := sorted(set(given) - {"providers", "machine_clients"}):
        raise Invalid(f"{path.name}: there is no table {', '.join(surplus)}")
    providers, machines = given.get("providers", {}), given.get("machine_clients", {})
    found = {
        "providers": {name: provider(name, table, roles) for name, table in providers.items()},
        "machine_clients": {name: machine(name, table) for name, table in machines.items()},
    }
    for kind, logical in (("providers", str.lower), ("machine_clients", machine_id)):
        names = [logical(name) for name in found[kind]]
        if len(set(names)) < len(names):
            raise Invalid(f"sign-in.toml: two of {kind} have names that differ only in spelling")
    if len(machines) > MAX_MACHINES:
        raise Invalid(f"sign-in.toml: at most {MAX_MACHINES} machine clients")
    if len(mapping(found)) > MAX_MAPPING_BYTES:
        raise Invalid(f"sign-in.toml: the groups of all providers take {len(mapping(found))} bytes, and {MAX_MAPPING_BYTES} is the most; let providers send fewer, such as app roles")
    if len(offer(found)) > MAX_OFFER_BYTES:
        raise Invalid(f"sign-in.toml: names and labels of the providers take {len(offer(found))} bytes, and {MAX_OFFER_BYTES} is the most")
    return found


def texts(value):
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def provider(name, given, roles):
    """One provider's table with its defaults. Raises Invalid."""
    where = f"sign-in.toml: provider {name}"
    if not PROVIDER_NAME.fullmatch(name) or name.lower() in RESERVED_NAMES:
        raise Invalid(f"{where}: a name has 2 to 30 letters and digits, and is none of Cognito's own")
    kind = given.get("type")
    if kind not in KEYS:
        raise Invalid(f'{where}: type is "oidc" or "saml"')
    if surplus := sorted(set(given) - KEYS[kind]):
        raise Invalid(f"{where}: {', '.join(surplus)}: not of a provider of type {kind}")
    table = {**DEFAULTS[kind], **given}
    source = "issuer" if kind == "oidc" else "metadata_url"
    if missing := [key for key in ("label", source, "email_domains", "groups") if not table.get(key)]:
        raise Invalid(f"{where}: {', '.join(missing)} must be given" + ("; without groups its users could sign in and do nothing" if "groups" in missing else ""))
    if not isinstance(table["label"], str) or not re.fullmatch(r"[\w .,&()'-]{1,60}", table["label"]):
        raise Invalid(f"{where}: label has 1 to 60 letters, digits and blanks")
    check_url(where, source, table[source])
    if not texts(table["email_domains"]) or not all(DOMAIN.fullmatch(one) for one in table["email_domains"]):
        raise Invalid(f'{where}: email_domains lists domains in lower case, such as ["acme.example"]')
    for key in ("email_claim", "groups_claim"):
        if not isinstance(table[key], str) or not CLAIM.fullmatch(table[key]):
            raise Invalid(f"{where}: {key} is the name of a claim")
    if kind == "oidc" and (not texts(table["scopes"]) or "openid" not in table["scopes"] or not all(SCOPE.fullmatch(one) for one in table["scopes"])):
        raise Invalid(f'{where}: scopes lists scopes, "openid" among them')
    check_groups(where, table["groups"], roles)
    return table


def check_url(where, key, value):
    """Refuses the address of a provider that signs in accounts of anyone, or that is not protected."""
    url = urllib.parse.urlsplit(value if isinstance(value, str) else "")
    local = url.scheme == "http" and url.hostname == "127.0.0.1"  # a provider of tests on the same machine
    if not (local or url.scheme == "https") or not url.hostname or url.query and key == "issuer" or re.search(r"[\s{}$]", value):
        raise Invalid(f"{where}: {key} is an https address")
    if key == "issuer" and any(part in value + "/" for part in OF_ANYONE):
        raise Invalid(f"{where}: accounts of anyone come from {value}. Use the address of your directory (Entra ID: …/<directory id>/v2.0), and SAML for Google Workspace, whose OpenID Connect sends no groups")


def check_groups(where, given, roles):
    """Refuses groups that are none of Docket's, or too long for the attribute that stores them."""
    for theirs, ours in given.items():
        if not theirs or not texts(ours):
            raise Invalid(f'{where}: group {theirs!r} gives a list of groups, such as ["reviewer", "tenant:acme"]')
        for group in ours:
            tenant = group.startswith("tenant:") and TENANT.fullmatch(group.removeprefix("tenant:"))
            if group not in roles and not tenant:
                raise Invalid(f"{where}: group {theirs!r} gives {group!r}, which is neither tenant:<name> nor one of {', '.join(roles)}")
    if len(json.dumps(list(given)).encode()) > MAX_GROUPS_BYTES:
        raise Invalid(f"{where}: the names of its groups take more than {MAX_GROUPS_BYTES} bytes")


def machine(name, given):
    """One machine client's table. Raises Invalid."""
    where = f"sign-in.toml: machine client {name}"
    if not MACHINE_NAME.fullmatch(name) or len(name) > 30:
        raise Invalid(f"{where}: a name has up to 30 of a-z, 0-9 and '-'")
    if set(given) != {"tenant", "roles"}:
        raise Invalid(f"{where}: it has a tenant and roles, and nothing else")
    if not isinstance(given["tenant"], str) or not TENANT.fullmatch(given["tenant"]):
        raise Invalid(f"{where}: tenant is the name of one tenant")
    if not texts(given["roles"]) or not set(given["roles"]) <= set(MACHINE_ROLES):
        raise Invalid(f"{where}: roles are {' and '.join(MACHINE_ROLES)}; people act as support, with their names in the audit log")
    return given


def mapping(found):
    """What function sign-in-groups reads, as JSON."""
    kept = ("label", "email_claim", "email_domains", "groups_claim", "groups")
    return json.dumps({name: {key: table[key] for key in kept} for name, table in found["providers"].items()}, separators=(",", ":"), ensure_ascii=False)


def offer(found):
    """The providers that people choose from, as JSON."""
    return json.dumps([{"name": name, "label": table["label"]} for name, table in found["providers"].items()], separators=(",", ":"), ensure_ascii=False)


def scopes(found):
    """The scopes of machine clients: one for each client's name, and those that are named like groups."""
    names = {f"client:{name}" for name in found["machine_clients"]}
    for table in found["machine_clients"].values():
        names |= {f"tenant:{table['tenant']}", *table["roles"]}
    return sorted(names)


def quoted(text):
    """A YAML scalar in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def machine_id(name):
    """MachineClientArchiveSync for archive-sync."""
    return "MachineClient" + "".join(map(str.capitalize, name.split("-")))


def settings(found):
    """The row of mapping Settings."""
    yield f"SignIn: {{Providers: '{len(found['providers'])}', Offer: {quoted(offer(found))}, Mapping: {quoted(mapping(found))}}}"


def provider_ids(found):
    """The logical ids of the providers' resources."""
    return [f"{name}Provider" for name in found["providers"]]


def audience(found):
    """The clients whose tokens the HTTP API takes, as one YAML list."""
    machines = [f"!If [HasSignInDomain, !Ref {machine_id(name)}, !Ref AWS::NoValue]" for name in found["machine_clients"]]
    return "[" + ", ".join(["!Ref UserPoolClient", "!If [HasProviders, !Ref CompanySignInClient, !Ref AWS::NoValue]", *machines]) + "]"


def provider_list(found):
    """The providers of the company client, as one YAML list."""
    return "[" + ", ".join(f"!Ref {name}" for name in provider_ids(found)) + "]"


def resources(found):
    """The resources of all providers and machine clients, as lines of YAML."""
    for name, table in found["providers"].items():
        yield from provider_resource(name, table)
    if found["machine_clients"]:
        yield from (
            "MachineScopes: # named like the groups of people",
            "  Type: AWS::Cognito::UserPoolResourceServer",
            "  Condition: HasSignInDomain",
            "  Properties:",
            "    UserPoolId: !Ref UserPool",
            "    Identifier: docket",
            "    Name: docket",
            "    Scopes:",
            *(f"      - {{ScopeName: {quoted(scope)}, ScopeDescription: {quoted(scope)}}}" for scope in scopes(found)),
        )
    for name, table in found["machine_clients"].items():
        yield from machine_resource(name, table)


def provider_resource(name, table):
    """A provider. The attributes are named by function sign-in-groups, which sees each answer before they are mapped."""
    secret = f"{{{{resolve:secretsmanager:${{ServiceName}}/sign-in/{name}:SecretString:"
    if table["type"] == "oidc":
        details = (
            f"client_id: !Sub '{secret}client_id}}}}'",
            f"client_secret: !Sub '{secret}client_secret}}}}'",
            "attributes_request_method: GET",
            f"oidc_issuer: {quoted(table['issuer'])}",
            f"authorize_scopes: {quoted(' '.join(table['scopes']))}",
        )
    else:
        # No sign-in that starts at the provider: its answer would belong to no request of ours.
        details = (f"MetadataURL: {quoted(table['metadata_url'])}", "IDPInit: 'false'", "IDPSignout: 'false'")
    yield from (
        f"{name}Provider:",
        "  Type: AWS::Cognito::UserPoolIdentityProvider",
        "  Condition: HasProviders",
        "  Properties:",
        "    UserPoolId: !Ref UserPool",
        f"    ProviderName: {name}",
        f"    ProviderType: {table['type'].upper()}",
        "    ProviderDetails:",
        *(f"      {line}" for line in details),
        "    AttributeMapping: {email: email, email_verified: email_verified, name: name, 'custom:company_groups': 'custom:company_groups'}",
    )


def machine_resource(name, table):
    """A machine client. It has one tenant, and no user can sign in with it."""
    granted = [f"client:{name}", f"tenant:{table['tenant']}", *table["roles"]]
    yield from (
        f"{machine_id(name)}:",
        "  Type: AWS::Cognito::UserPoolClient",
        "  Condition: HasSignInDomain",
        "  DependsOn: MachineScopes",
        "  Properties:",
        "    UserPoolId: !Ref UserPool",
        f"    ClientName: machine-{name}",
        "    GenerateSecret: true",
        "    AllowedOAuthFlowsUserPoolClient: true",
        "    AllowedOAuthFlows: [client_credentials]",
        f"    AllowedOAuthScopes: [{', '.join(quoted(f'docket/{scope}') for scope in granted)}]",
        "    ExplicitAuthFlows: [ALLOW_REFRESH_TOKEN_AUTH] # which needs a sign-in of a user, and there is none",
        "    WriteAttributes: [name]",
        "    PreventUserExistenceErrors: ENABLED",
        "    EnableTokenRevocation: true",
        "    TokenValidityUnits: {IdToken: minutes, AccessToken: minutes, RefreshToken: hours}",
        "    IdTokenValidity: 60",
        "    AccessTokenValidity: 60 # a client that was removed keeps its rights for this long",
        "    RefreshTokenValidity: 1",
    )
