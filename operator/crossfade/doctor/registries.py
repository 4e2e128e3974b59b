"""ModelRegistries, and the Secrets and ConfigMaps that they name: of these the names of keys alone are known here."""

from collections.abc import Iterator

from crossfade.api.v1alpha1.modelregistry import ConfigMapKeyRef
from crossfade.doctor.facts import Facts, Keys, condition, listed, place, shown
from crossfade.doctor.finding import Finding, fault, ok, unseen
from crossfade.model.access import WAYS_IN
from crossfade.ports import Object

_WHY = "ModelVersions that name the ModelRegistry wait"
_KEY = ConfigMapKeyRef.model_fields["key"].default


def secrets_named(facts: Facts) -> Iterator[tuple[str, str]]:
    """The places of the Secrets with credentials."""
    for raw in facts.all("modelregistries"):
        if name := _secret(raw):
            yield place(raw)[0], name


def authorities_named(facts: Facts) -> Iterator[tuple[str, str]]:
    """The places of the ConfigMaps with certificate authorities."""
    for raw in facts.all("modelregistries"):
        if ref := _authority(raw):
            yield place(raw)[0], str(ref["name"])


def _secret(raw: Object) -> str:
    return str(((raw["spec"].get("credentials") or {}).get("secretRef") or {}).get("name") or "")


def _authority(raw: Object) -> Object:
    return dict((raw["spec"].get("tls") or {}).get("caConfigMapRef") or {})


def registries(facts: Facts) -> Iterator[Finding]:
    """Whether ModelRegistries let the operator in, with Secrets and ConfigMaps that have the right keys."""
    for raw in facts.all("modelregistries"):
        lacking = (_credentials(facts, raw), _trust(facts, raw))
        yield from [finding for finding in lacking if finding] or [_told(raw)]
    if not facts.all("modelregistries"):
        yield ok("no ModelRegistry is there, and none needs to be")


def _told(raw: Object) -> Finding:
    """What its own status says."""
    ready = condition(raw, "Ready")
    if ready is None:
        return ok(f"ModelRegistry {shown(raw)} is new, and was not looked at yet")
    if ready["status"] == "True":
        return ok(f"ModelRegistry {shown(raw)} is ready: {ready.get('message')}")
    return fault(
        f"ModelRegistry {shown(raw)} is not ready: {ready.get('message')}",
        _WHY,
        f"kubectl --namespace {place(raw)[0]} describe modelregistry {place(raw)[1]}; docs/registries.md has"
        " a page for each registry",
    )


def _credentials(facts: Facts, raw: Object) -> Finding | None:
    """What is wrong with the Secret."""
    (namespace, registry), name = place(raw), _secret(raw)
    if not name:
        return None
    system = next((one for one in WAYS_IN if one in raw["spec"]), "")
    ways = WAYS_IN.get(system, ())
    wanted = ", or ".join(" and ".join(f"`{key}`" for key in way) for way in ways)
    seen = facts.secrets.get((namespace, name), Keys(trouble="was not looked at"))
    called = f"Secret {namespace}/{name}, which ModelRegistry {registry} names,"
    if seen.trouble:
        return unseen(f"{called} {seen.trouble}", f"be somebody who may get Secrets in {namespace}")
    if seen.keys is None:
        literals = " ".join(f"--from-literal={key}=…" for key in (ways[0] if ways else ()))
        cure = f"kubectl --namespace {namespace} create secret generic {name} {literals}"
        return fault(f"{called} does not exist", _WHY, cure)
    if not any(seen.keys.issuperset(way) for way in ways):
        cure = f"kubectl --namespace {namespace} edit secret {name}: give it {wanted}"
        return fault(f"{called} must have the keys {wanted}, and has {_there(seen)}", _WHY, cure)
    return None


def _trust(facts: Facts, raw: Object) -> Finding | None:
    """What is wrong with the ConfigMap of the certificate authority."""
    (namespace, registry), ref = place(raw), _authority(raw)
    if not ref:
        return None
    name, key = ref["name"], ref.get("key", _KEY)
    seen = facts.authorities.get((namespace, name), Keys(trouble="was not looked at"))
    called = f"ConfigMap {namespace}/{name}, which `spec.tls.caConfigMapRef` of ModelRegistry {registry} names,"
    if seen.trouble:
        return unseen(f"{called} {seen.trouble}", f"be somebody who may get ConfigMaps in {namespace}")
    if seen.keys is None:
        cure = (
            f"kubectl --namespace {namespace} create configmap {name} --from-file={key}=FILE, with the certificates of"
            " the authority in PEM in FILE"
        )
        return fault(f"{called} does not exist", _WHY, cure)
    if key not in seen.keys:
        cure = (
            f"kubectl --namespace {namespace} edit configmap {name}: give it `{key}` with the certificates in PEM; or"
            f" have `spec.tls.caConfigMapRef.key` name another (kubectl --namespace {namespace} edit modelregistry"
            f" {registry})"
        )
        return fault(f"{called} must have the key `{key}`, and has {_there(seen)}", _WHY, cure)
    return None


def _there(seen: Keys) -> str:
    return listed({*(seen.keys or ()), *(f"{key} with nothing in it" for key in seen.empty)}) or "none"
