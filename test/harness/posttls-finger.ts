import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from './folder.ts';
import { run } from './process.ts';

const DNS_PORT = 53;

/** Asks Postfix's own tool what it thinks of a domain's servers. */
export interface PosttlsFinger extends AsyncDisposable {
  /** What it says of TLS to the domain at a level, for example `Verified TLS connection established`. */
  look(domain: string, port: number, level: string): Promise<string>;
}

/** False if this machine lets nobody have a mount namespace of his own. */
export async function canHideResolvConf(): Promise<boolean> {
  return (await run('unshare', ['-m', 'true'])).code === 0;
}

/**
 * posttls-finger asks the resolver of /etc/resolv.conf at port 53 and no other. It gets a file of
 * its own there, in a mount namespace of its own, and at port 53 of a loopback address somebody who
 * passes its questions on to the test's resolver.
 */
export async function startPosttlsFinger(at: {
  readonly host: string;
  readonly dnsPort: number;
}): Promise<PosttlsFinger> {
  const folder = await temporaryFolder('posttls-finger');
  const file = join(folder.path, 'resolv.conf');
  await writeFile(file, `nameserver ${at.host}\noptions trust-ad edns0\n`);
  const near = createSocket('udp4');
  near.on('message', (question, asker) => {
    const far = createSocket('udp4');
    far.once('message', (answer) => {
      near.send(answer, asker.port, asker.address);
      far.close();
    });
    far.send(question, at.dnsPort, '127.0.0.1');
  });
  near.bind(DNS_PORT, at.host);
  await once(near, 'listening');
  const script = 'mount --bind "$1" /etc/resolv.conf && shift && exec posttls-finger "$@"';
  return {
    look: async (domain, port, level) => {
      const args = [
        '-c',
        '-l',
        level,
        '-L',
        'summary',
        '-o',
        'inet_protocols=ipv4',
        `${domain}:${port}`,
      ];
      const result = await run('unshare', ['-m', 'sh', '-c', script, 'sh', file, ...args]);
      return `${String(result.stdout)}${result.stderr}`;
    },
    [Symbol.asyncDispose]: async () => {
      near.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}
