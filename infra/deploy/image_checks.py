"""Whether SageMaker can run a container image, found before anything is changed. It only reads."""

import json
import re
import urllib.request

import hosting
import plan

IMAGE_URI = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.[a-z.]+/([^:@\s]+?)(?::([^@\s]+))?(?:@(sha256:[0-9a-f]{64}))?")
DOCKER_MANIFEST, OCI_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST, OCI_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json"
GRAVITON = re.compile(r"ml\.[a-z]+\d+g[a-z]*\.")  # c7g, m8gd, …; but g5 and g6 are GPUs


def fetch(url):
    """The bytes at a presigned address."""
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310  an https address that ECR returned
        return answer.read()


def image_messages(environment, pipeline, aws, error, get):
    """Whether a pipeline's image exists and is for the processor of its instances. Each message: what is wrong, what to type, and
    whether it stops a deployment. `get` fetches what ECR refers to."""
    given = environment.endpoints[pipeline]
    found = IMAGE_URI.fullmatch(given.get("ImageUri", ""))
    if not found:
        return
    owner, region, name, tag, digest = found.groups()
    if region != environment.region:
        return
    of = ["--registry-id", owner, "--repository-name", name]
    image = f"imageDigest={digest}" if digest else f"imageTag={tag or 'latest'}"
    types = (DOCKER_MANIFEST, OCI_MANIFEST, DOCKER_LIST, OCI_INDEX)
    try:
        answer = aws("ecr", "batch-get-image", *of, "--image-ids", image, "--accepted-media-types", *types)
    except error as refusal:
        if "RepositoryNotFoundException" in str(refusal):
            yield f"{pipeline}: repository {name} does not exist in account {owner}", f"aws ecr create-repository --repository-name {name}", True
            return
        raise
    if not answer["images"]:
        yield f"{pipeline}: there is no image {given['ImageUri']}", f"aws ecr list-images --registry-id {owner} --repository-name {name}", True
        return
    manifest = json.loads(answer["images"][0]["imageManifest"])
    kind = answer["images"][0].get("imageManifestMediaType") or manifest.get("mediaType")
    kinds = hosting.instance_types({**plan.pipelines()[pipeline], **given})
    wanted = "arm64" if all(GRAVITON.match(one) for one in kinds) else "amd64"
    again = f"docker buildx build --platform linux/{wanted} --provenance=false --tag {given['ImageUri'].split('@')[0]} --push ."
    if kind in (DOCKER_LIST, OCI_INDEX):
        yield f"{pipeline}: the image is a list of images ({kind}), and SageMaker takes a single one", again, True
        return
    layer = aws("ecr", "get-download-url-for-layer", *of, "--layer-digest", manifest["config"]["digest"])
    try:
        architecture = json.loads(get(layer["downloadUrl"])).get("architecture")
    except (OSError, ValueError) as refusal:
        yield f"{pipeline}: the image's processor is not checked: {refusal}", "", False
        return
    if architecture != wanted:
        yield f"{pipeline}: the image is for {architecture}, and {', '.join(kinds)} are {wanted}", again, True
