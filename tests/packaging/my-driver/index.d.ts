import type { Driver } from "@baton-io/core";

export declare function myDriver(): Driver;
