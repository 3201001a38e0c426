import type { GatewayConfig } from '@sallyport/config';
import type { GatewayLayout } from '../layout.ts';
import type { ProcessSpec } from '../supervisor.ts';

/** @returns null for a gateway without a console. */
export function consoleSpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec | null {
  const { console: wanted } = config;
  if (wanted === undefined) return null;
  const { recorder, advise, outward, egress, keyholderConsole, keyDesk } = layout.sockets;
  const { oidc } = wanted;
  const secrets = oidc === undefined ? [] : [oidc.clientSecretFile, oidc.anchorsFile ?? []].flat();
  return {
    name: 'console',
    module: '@sallyport/console',
    options: {
      gatewayName: config.gateway.name,
      domains: config.domains.map(({ name }) => name),
      listen: wanted.listen,
      tls: wanted.tls,
      publicUrl: wanted.publicUrl,
      oidc: oidc === undefined ? null : { ...oidc, anchorsFile: oidc.anchorsFile ?? null },
      fourEyes: config.policy.fourEyes,
      wayOut: {
        routes: config.routes.map(({ domain, trustedHop }) => ({ domain, trustedHop })),
        dns: { trusted: config.dns.trusted },
      },
      folders: {
        accounts: layout.accounts,
        audit: layout.audit,
        policy: layout.policy,
        index: layout.consoleIndex,
        tlsReports: layout.tlsReportsReceived,
      },
      sockets: { recorder, advise, outward, egress, keyholder: keyholderConsole, keyDesk },
    },
    readable: [
      layout.audit,
      layout.tlsReportsReceived,
      wanted.tls.certificateFile,
      wanted.tls.keyFile,
      ...secrets,
    ],
    writable: [layout.policy, layout.accounts, layout.consoleIndex],
    folders: [layout.accounts, layout.consoleIndex, layout.tlsReportsReceived],
  };
}
