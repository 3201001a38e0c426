import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Logger } from '@sallyport/log';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import type { RunningServer } from './dns-server.ts';
import type { SinkOptions } from './options.ts';

const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;

/** What a sink tells the process that started the sandbox, and writes beside the message. */
interface SinkReport {
  readonly kind: 'message';
  readonly sink: string;
  /** The message as received, in the sink's folder; the report is beside it as `.json`. */
  readonly file: string;
  readonly reversePath: string;
  readonly forwardPaths: readonly string[];
  readonly sizeBytes: number;
  /** Null if it came without TLS. */
  readonly tls: string | null;
}

interface SinkPorts {
  readonly logger: Logger;
  report(report: SinkReport): void;
}

/** An SMTP server that takes every message into its folder. @throws if it cannot listen. */
export async function startSink(options: SinkOptions, ports: SinkPorts): Promise<RunningServer> {
  await mkdir(options.folder, { recursive: true });
  let count = 0;
  const tls =
    options.tls === undefined
      ? null
      : {
          cert: await readFile(options.tls.certificateFile),
          key: await readFile(options.tls.keyFile),
        };
  const server = new SMTPServer({
    name: options.name,
    size: MAX_MESSAGE_BYTES,
    logger: false,
    authOptional: true,
    disabledCommands: tls === null ? ['AUTH', 'STARTTLS'] : ['AUTH'],
    disableReverseLookup: true,
    ...tls,
    onData: (stream, session, done) => {
      count += 1;
      collect({ stream, session, count, options }).then(
        (report) => {
          ports.report(report);
          done(null, 'taken');
        },
        (cause: unknown) => {
          ports.logger.error('sink.failed', { sink: options.name, cause });
          done(new Error('not taken'));
        },
      );
    },
  });
  server.on('error', (error: Error) => {
    ports.logger.warn('sink.session-failed', { sink: options.name, reason: error.message });
  });
  server.listen(options.port, options.host);
  await once(server.server, 'listening');
  return {
    port: (server.server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function collect(taken: {
  readonly stream: SMTPServerDataStream;
  readonly session: SMTPServerSession;
  readonly count: number;
  readonly options: SinkOptions;
}): Promise<SinkReport> {
  const { stream, session, count, options } = taken;
  const name = String(count).padStart(6, '0');
  const partial = join(options.folder, `${name}.part`);
  const file = join(options.folder, `${name}.eml`);
  await pipeline(stream, createWriteStream(partial));
  if (stream.sizeExceeded) throw new Error('message too big');
  const { mailFrom, rcptTo } = session.envelope;
  const report: SinkReport = {
    kind: 'message',
    sink: options.name,
    file,
    reversePath: mailFrom === false ? '' : mailFrom.address,
    forwardPaths: rcptTo.map((recipient) => recipient.address),
    sizeBytes: stream.byteLength,
    tls: session.secure ? 'yes' : null,
  };
  await writeFile(join(options.folder, `${name}.json`), `${JSON.stringify(report)}\n`);
  // The .eml appears whole, after its report, so a watcher needs to wait for nothing else.
  await rename(partial, file);
  return report;
}
