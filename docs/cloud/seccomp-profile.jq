# A flattened profile as an object of the Security Profiles Operator, v1: docs/CLOUD_SETUP.md#security-profiles-operator
# Its spec has no field for the errno of the default action; without one, runtimes answer EPERM.
{
  apiVersion: "security-profiles-operator.x-k8s.io/v1",
  kind: "SeccompProfile",
  metadata: { name: "io-uring" },
  spec: del(.defaultErrnoRet)
}
