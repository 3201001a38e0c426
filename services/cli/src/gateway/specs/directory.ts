import { join } from 'node:path';
import type { GatewayConfig } from '@sallyport/config';
import type { GatewayLayout } from '../layout.ts';
import { baseDnOf } from '../provision.ts';
import type { ProcessSpec } from '../supervisor.ts';

/** The directory announces at most so many naming contexts. */
const MAX_CONTEXTS = 8;

export function directorySpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec | null {
  const { directory } = config;
  if (directory === undefined) return null;
  const listenersOn = (on: {
    readonly listen: typeof directory.listen;
    readonly listenTls: typeof directory.listenTls;
  }) => [
    ...on.listen.map((one) => ({ ...one, tls: false })),
    ...on.listenTls.map((one) => ({ ...one, tls: true })),
  ];
  return {
    name: 'directory',
    module: '@sallyport/directory',
    options: {
      listen: listenersOn(directory),
      http: listenersOn(directory.http),
      entriesFile: layout.published,
      usersFolder: layout.publishedUsers,
      substitute: config.domains
        .filter((domain) => domain.publish.substitute)
        .map((domain) => domain.name),
      statements: config.domains.map(({ name }) => ({
        domain: name,
        file: join(layout.statements, `${name}.jws`),
      })),
      crlFile: layout.publishedCrl,
      limits: { searchesPerMinute: directory.searchesPerMinute },
      baseDn: config.domains.slice(0, MAX_CONTEXTS).map((domain) => baseDnOf(domain.name)),
      ...(directory.tls === undefined
        ? {}
        : { tlsCertificateFile: directory.tls.certificateFile, tlsKeyFile: directory.tls.keyFile }),
    },
    readable: [
      layout.publishedFolder,
      ...(directory.tls === undefined
        ? []
        : [directory.tls.certificateFile, directory.tls.keyFile]),
    ],
    writable: [],
    folders: [layout.publishedFolder],
  };
}
