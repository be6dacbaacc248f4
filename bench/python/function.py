"""A function with boto3 that reads one object, as the steps read the desired state. Its client is made while it starts, as is usual."""

import boto3

s3 = boto3.client("s3")


def handler(event, context):
    return s3.get_object(Bucket="landfall-state", Key="desired.json")["ETag"]
