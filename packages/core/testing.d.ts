/** The door for tests. What is behind it is a package of its own: `npm install --save-dev @baton-io/testing`. */
export * from "@baton-io/testing";
