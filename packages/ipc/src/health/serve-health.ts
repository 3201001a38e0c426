import { X509Certificate } from 'node:crypto';
import type { Logger, Metrics } from '@sallyport/log';
import type { Handlers } from '../protocol.ts';
import {
  type Health,
  type HealthProtocol,
  healthProtocol,
  MAX_NOTICES,
  MAX_SHOWN_CERTIFICATES,
  type Notice,
  type ShownCertificate,
} from '../protocols/health.ts';
import { serveSocket } from '../server.ts';
import { watchProcess } from './process-facts.ts';

type Maybe<T> = T | Promise<T>;

/** What a process tells about itself. What is left out it has none of. */
export interface HealthParts {
  /** Its health socket; left out, nothing is served. */
  readonly path: string | undefined;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Whether it can do its work; one that throws cannot. Left out: it can if it answers. */
  readonly check?: () => Maybe<Health>;
  /** Sets what is measured when somebody asks, such as the depth of a queue. */
  readonly collect?: () => Maybe<void>;
  readonly certificates?: () => readonly ShownCertificate[];
  /** Notices after an index, oldest first. */
  readonly notices?: (after: number) => readonly Notice[];
}

/** A health socket, or none. */
export interface HealthServer {
  close(): Promise<void>;
}

/**
 * Serves the health socket of a process.
 *
 * @throws Error if the path is taken or cannot be listened on.
 */
export async function serveHealth(parts: HealthParts): Promise<HealthServer> {
  if (parts.path === undefined) return { close: async () => {} };
  const facts = watchProcess(parts.metrics);
  const server = await serveSocket({
    path: parts.path,
    protocol: healthProtocol,
    handlers: handlersOf(parts, facts),
    logger: parts.logger,
  });
  return {
    close: async () => {
      facts.close();
      await server.close();
    },
  };
}

function handlersOf(parts: HealthParts, facts: { collect(): void }): Handlers<HealthProtocol> {
  const { logger, metrics } = parts;
  return {
    health: async () => {
      try {
        return (await parts.check?.()) ?? { ok: true, sentence: 'works' };
      } catch (cause) {
        logger.error('health.check-failed', { cause });
        return { ok: false, sentence: 'cannot tell how it is: its log says why' };
      }
    },
    metrics: async () => {
      facts.collect();
      await Promise.resolve(parts.collect?.()).catch((cause: unknown) =>
        logger.error('metrics.not-collected', { cause }),
      );
      return metrics.samples();
    },
    certificates: ({ from }) => {
      const all = parts.certificates?.() ?? [];
      const end = from + MAX_SHOWN_CERTIFICATES;
      return { certificates: all.slice(from, end), more: all.length > end };
    },
    notices: ({ after }) => ({
      notices: [...(parts.notices?.(after) ?? [])].slice(0, MAX_NOTICES),
    }),
  };
}

/** The first certificate of a PEM file that this process shows in TLS. @throws if it is none. */
export function shownTlsCertificate(pem: string | Buffer, name: string): ShownCertificate {
  const certificate = new X509Certificate(pem).raw.toString('base64');
  return { kind: 'tls', name, certificate };
}
