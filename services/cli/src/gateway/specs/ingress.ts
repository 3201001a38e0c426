import type { GatewayConfig } from '@sallyport/config';
import type { GatewayLayout } from '../layout.ts';
import type { ProcessSpec } from '../supervisor.ts';
import { spoolFolders } from './spool-folders.ts';

export function ingressSpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec {
  const { ingress } = config;
  const { submission } = ingress;
  return {
    name: 'ingress',
    module: '@sallyport/ingress',
    options: {
      name: config.gateway.name,
      domains: config.domains.map((domain) => domain.name),
      listeners: listenersOf(config),
      tls: { ...ingress.tls, clientAnchorsFile: ingress.clientAnchorsFile ?? null },
      login: submission === undefined ? null : { passwordFile: submission.passwordFile },
      spool: { folder: layout.spool, workerKeyFile: layout.spoolKeys.workerPublic },
      sockets: {
        recorder: layout.sockets.recorder,
        inward: ingress.partner === undefined ? null : layout.sockets.inward,
        outwardHints: layout.sockets.outward,
        egressHints: layout.sockets.egress,
      },
      judgeDeadlineMs: ingress.verdictTimeout,
    },
    readable: [
      layout.spool,
      layout.spoolKeys.workerPublic,
      ingress.tls.keyFile,
      ingress.tls.certificateFile,
      ...(ingress.clientAnchorsFile === undefined ? [] : [ingress.clientAnchorsFile]),
      ...(submission === undefined ? [] : [submission.passwordFile]),
    ],
    writable: spoolFolders(layout, 'tmp', 'incoming', 'outgoing', 'hold'),
  };
}

/** RFC 8689 section 4.2.1: taken from partners only where the way on to our people proves its server. */
function keepsRequireTls({ domains, routes }: GatewayConfig): boolean {
  return domains.every(({ name }) => {
    const route = routes.find(({ domain }) => domain === name);
    return route?.tls.level === 'secure';
  });
}

function listenersOf(config: GatewayConfig) {
  const { ingress } = config;
  const common = {
    maxMessageBytes: ingress.maxSizeBytes,
    maxRecipients: ingress.maxRecipients,
    maxConnections: ingress.maxConnections,
    deadlines: { commandMs: ingress.commandTimeout, sessionMs: ingress.sessionTimeout },
  };
  const partner = (ingress.partner?.listen ?? []).map((listen) => ({
    kind: 'partner',
    ...listen,
    ...common,
    tls: 'offered',
    offersRequireTls: keepsRequireTls(config),
    fronts: config.trustedFronts,
    greetingDelayMs: ingress.greetingDelay,
  }));
  const relay = (ingress.relay?.listen ?? []).map((listen) => ({
    kind: 'relay',
    ...listen,
    ...common,
    tls: 'offered',
    offersRequireTls: true,
    clients: ingress.relay?.allow,
    lineEnds: ingress.relay?.lineEnds,
    maxLineOctets: ingress.relay?.maxLineBytes,
  }));
  const submission = [
    ...(ingress.submission?.listen ?? []).map((listen) => ({ listen, tls: 'required' })),
    ...(ingress.submission?.listenTls ?? []).map((listen) => ({ listen, tls: 'implicit' })),
  ].map(({ listen, tls }) => ({
    kind: 'submission',
    ...listen,
    ...common,
    tls,
    offersRequireTls: true,
  }));
  return [...partner, ...relay, ...submission];
}
