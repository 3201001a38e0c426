import type { GatewayConfig } from '@sallyport/config';

export function lookupOf({ lookup }: GatewayConfig) {
  return {
    tlsAnchorsFile: lookup.tlsAnchorsFile ?? null,
    ldapServers: lookup.ldapServers,
    revocationRefreshMs: lookup.revocationRefresh,
  };
}

/** Files that lookups read: anchors, and passwords of directories. */
export function lookupFiles({ lookup }: GatewayConfig): string[] {
  const files = lookup.ldapServers.flatMap(({ anchorsFile, bind }) => [
    anchorsFile,
    bind?.passwordFile,
  ]);
  return [lookup.tlsAnchorsFile, ...files].filter((file) => file !== undefined);
}
