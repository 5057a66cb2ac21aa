"""Lets an S3 client do what customers do with it. The client's name is the first argument, the step the second:

  python client.py awscli upload BUCKET KEY DOCUMENT REFERENCE    sends the document with the metadata that Docket reads
  python client.py awscli change BUCKET KEY DOCUMENT REFERENCE    changes the metadata of the object that is there

The environment variables AWS_… name the service and the credentials. docs/api.md has the same commands.
"""

import os
import pathlib
import subprocess
import sys
from urllib.parse import urlsplit

URL = os.environ["AWS_ENDPOINT_URL"]
KEY_ID, SECRET = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
REGION = os.environ["AWS_REGION"]
TYPE = "application/pdf"
BATCH, TAGS = "2026-05", "matter=47-11&client=ACME"


def metadata(reference):
    """The user metadata that docs/api.md names."""
    return {"docket-reference": reference, "docket-batch": BATCH, "docket-tags": TAGS}


def program(name, *arguments):
    """Runs a program beside this Python."""
    subprocess.run([pathlib.Path(sys.executable).with_name(name), *arguments], check=True, stdin=subprocess.DEVNULL)


class Awscli:
    """The AWS CLI."""

    @staticmethod
    def options(reference):
        pairs = ",".join(f"{name}={value}" for name, value in metadata(reference).items())
        return ("--content-type", TYPE, "--metadata", pairs)

    def upload(self, bucket, key, document, reference):
        program("aws", "s3", "cp", document, f"s3://{bucket}/{key}", *self.options(reference))

    def change(self, bucket, key, _, reference):
        place = f"s3://{bucket}/{key}"
        program("aws", "s3", "cp", place, place, "--metadata-directive", "REPLACE", *self.options(reference))


class Boto3:
    """boto3, the AWS SDK for Python."""

    def __init__(self):
        import boto3

        self.s3 = boto3.client("s3")

    def upload(self, bucket, key, document, reference):
        self.s3.upload_file(document, bucket, key, ExtraArgs={"ContentType": TYPE, "Metadata": metadata(reference)})

    def change(self, bucket, key, _, reference):
        source = {"Bucket": bucket, "Key": key}
        self.s3.copy_object(
            Bucket=bucket, Key=key, CopySource=source, MetadataDirective="REPLACE", ContentType=TYPE, Metadata=metadata(reference)
        )  # fmt: skip


class Minio:
    """minio-py."""

    def __init__(self):
        import minio

        self.minio = minio
        self.client = minio.Minio(urlsplit(URL).netloc, KEY_ID, SECRET, secure=False, region=REGION)

    def upload(self, bucket, key, document, reference):
        self.client.fput_object(bucket, key, document, content_type=TYPE, metadata=metadata(reference))

    def change(self, bucket, key, _, reference):
        from minio.commonconfig import REPLACE, CopySource

        new = {"Content-Type": TYPE, **metadata(reference)}
        self.client.copy_object(bucket, key, CopySource(bucket, key), metadata=new, metadata_directive=REPLACE)


class Obstore:
    """obstore, on the Rust crate object_store. It cannot change metadata, so it sends the object again."""

    def upload(self, bucket, key, document, reference):
        import obstore

        store = obstore.store.S3Store(
            bucket, endpoint=URL, access_key_id=KEY_ID, secret_access_key=SECRET, region=REGION, client_options={"allow_http": True}
        )  # fmt: skip
        attributes = {"Content-Type": TYPE, **metadata(reference)}
        obstore.put(store, key, pathlib.Path(document), attributes=attributes)

    change = upload


class Rclone:
    """rclone. `touch` copies the object onto itself with another time in its metadata; it keeps the rest."""

    @staticmethod
    def run(command, *arguments):
        connection = ("--s3-provider", "Other", "--s3-endpoint", URL, "--s3-region", REGION, "--s3-env-auth", "--config", os.devnull)
        program("rclone", command, *arguments, *connection)

    def upload(self, bucket, key, document, reference):
        options = [option for pair in metadata(reference).items() for option in ("--metadata-set", "=".join(pair))]
        self.run("copyto", document, f":s3:{bucket}/{key}", "--ignore-times", "--metadata", *options)

    def change(self, bucket, key, *_):
        self.run("touch", f":s3:{bucket}/{key}")


class S3cmd:
    """s3cmd. `modify` copies the object onto itself; it fails afterwards if it is to keep the ACL of an object without one."""

    @staticmethod
    def run(command, reference, *arguments):
        host = urlsplit(URL).netloc
        headers = [f"--add-header=x-amz-meta-{name}:{value}" for name, value in metadata(reference).items()]
        connection = (f"--host={host}", f"--host-bucket={host}", "--no-ssl", f"--access_key={KEY_ID}", f"--secret_key={SECRET}")
        program("s3cmd", command, *arguments, f"--mime-type={TYPE}", *headers, f"--config={os.devnull}", *connection)

    def upload(self, bucket, key, document, reference):
        self.run("put", reference, document, f"s3://{bucket}/{key}")

    def change(self, bucket, key, _, reference):
        self.run("modify", reference, "--acl-private", f"s3://{bucket}/{key}")


CLIENTS = {client.__name__.lower(): client for client in (Awscli, Boto3, Minio, Obstore, Rclone, S3cmd)}


def main():
    name, step, *arguments = sys.argv[1:]
    getattr(CLIENTS[name](), step)(*arguments)


if __name__ == "__main__":
    main()
