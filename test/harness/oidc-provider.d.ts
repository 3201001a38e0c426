/** The part of oidc-provider that the tests use; it brings no types of its own. */
declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http';

  interface Configuration {
    readonly clients: readonly object[];
    readonly cookies: { readonly keys: readonly string[] };
    readonly pkce: { readonly required: () => boolean };
    readonly conformIdTokenClaims: boolean;
    readonly claims: Readonly<Record<string, readonly string[]>>;
    readonly findAccount: (
      context: unknown,
      id: string,
    ) => { readonly accountId: string; readonly claims: () => object };
  }

  // biome-ignore lint/style/noDefaultExport: that is how the package has it
  export default class OidcProvider {
    constructor(issuer: string, configuration: Configuration);
    callback(): RequestListener;
  }
}
