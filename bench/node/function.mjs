// A function with the AWS SDK for JavaScript that reads one object, as the steps read the desired state. Its client is made while it
// starts, as is usual. The loop is less than what Lambda's own runtime for Node does.
import { S3Client, GetObjectCommand } from "@aws-sdk/client-s3";

const s3 = new S3Client({});

async function handler() {
  const answer = await s3.send(new GetObjectCommand({ Bucket: "landfall-state", Key: "desired.json" }));
  return answer.ETag;
}

const invocation = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;
for (;;) {
  const next = await fetch(`${invocation}/next`);
  const id = next.headers.get("lambda-runtime-aws-request-id");
  const body = JSON.stringify(await handler(await next.json()));
  await fetch(`${invocation}/${id}/response`, { method: "POST", body });
}
