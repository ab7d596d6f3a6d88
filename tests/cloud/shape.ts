/**
 * Shapes of the objects in `docs/cloud`, strict: a field that is not listed is a mistake, as the API server and Compose
 * would find it. Written by hand from the API reference of Kubernetes 1.30, the Compose specification and
 * `api/seccompprofile/v1` of the Security Profiles Operator, as far as the files use them.
 */

/** `true`: any scalar; an array: one of these; a list holds the shape of its members; `?` marks what may be missing. */
export type Shape = true | readonly unknown[] | { readonly list: Shape } | { readonly [key: string]: Shape };

const strings: Shape = { list: true };
const metadata: Shape = { name: true, "namespace?": true, "labels?": { "*": true } };
const selector: Shape = { "*": true };

const seccompProfile: Shape = { type: ["Localhost", "RuntimeDefault"], "localhostProfile?": true };

const podSecurity: Shape = {
  "runAsNonRoot?": [true],
  "runAsUser?": true,
  "seccompProfile?": seccompProfile,
};

const containerSecurity: Shape = {
  allowPrivilegeEscalation: [false],
  readOnlyRootFilesystem: [true],
  capabilities: { drop: { list: ["ALL"] } },
  "runAsUser?": true,
  "runAsNonRoot?": [true],
};

const container: Shape = {
  name: true,
  image: true,
  "imagePullPolicy?": ["IfNotPresent", "Always", "Never"],
  "command?": strings,
  securityContext: containerSecurity,
  "resources?": { limits: { "cpu?": true, "memory?": true } },
  "volumeMounts?": { list: { name: true, mountPath: true, "readOnly?": [true, false] } },
};

const volume: Shape = {
  name: true,
  "emptyDir?": {},
  "configMap?": { name: true },
  "hostPath?": { path: true, type: ["Directory", "DirectoryOrCreate"] },
};

const podSpec: Shape = {
  "restartPolicy?": ["Never", "Always", "OnFailure"],
  automountServiceAccountToken: [false],
  "nodeSelector?": selector,
  securityContext: podSecurity,
  "initContainers?": { list: container },
  containers: { list: container },
  "volumes?": { list: volume },
};

export const shapes: { readonly [name: string]: Shape } = {
  Pod: { apiVersion: ["v1"], kind: ["Pod"], metadata, spec: podSpec },
  Namespace: { apiVersion: ["v1"], kind: ["Namespace"], metadata },
  DaemonSet: {
    apiVersion: ["apps/v1"],
    kind: ["DaemonSet"],
    metadata,
    spec: { selector: { matchLabels: selector }, template: { metadata: { labels: selector }, spec: podSpec } },
  },
  SeccompProfile: {
    apiVersion: ["security-profiles-operator.x-k8s.io/v1"],
    kind: ["SeccompProfile"],
    metadata: { name: true },
    spec: {
      defaultAction: true,
      "architectures?": strings,
      "flags?": strings,
      syscalls: {
        list: {
          names: strings,
          action: true,
          "errnoRet?": true,
          "args?": { list: { index: true, value: true, "valueTwo?": true, op: true } },
        },
      },
    },
  },
  Compose: {
    services: {
      "*": {
        image: true,
        "build?": { context: true, dockerfile: true },
        "read_only?": [true],
        "tmpfs?": strings,
        "cap_drop?": { list: ["ALL"] },
        "security_opt?": strings,
        "ulimits?": { "memlock?": { soft: true, hard: true } },
      },
    },
  },
};

/** Where a value is not of its shape, and how. */
export function misshapen(value: unknown, shape: Shape, where: string): string[] {
  if (shape === true) return typeof value === "object" ? [`${where} must be a scalar`] : [];
  if (Array.isArray(shape))
    return shape.includes(value) ? [] : [`${where} is ${JSON.stringify(value)}, not ${shape.join(" or ")}`];
  const fields = shape as { readonly [key: string]: Shape };
  if ("list" in fields) {
    if (!Array.isArray(value) || value.length === 0) return [`${where} must be a list`];
    return value.flatMap((item, index) => misshapen(item, fields["list"]!, `${where}[${index}]`));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${where} must be an object`];
  const given = Object.entries(value);
  const missing = Object.keys(fields).filter((key) => !/[?*]$/.test(key) && !(key in value));
  return [
    ...missing.map((key) => `${where}.${key} is missing`),
    ...given.flatMap(([key, part]) => {
      const expected = fields[key] ?? fields[`${key}?`] ?? fields["*"];
      return expected === undefined ? [`${where}.${key} is not known`] : misshapen(part, expected, `${where}.${key}`);
    }),
  ];
}
