import { readFileSync } from 'node:fs';
import process from 'node:process';

const FIRST_OF_ALL = '/proc/sys/net/ipv4/ip_unprivileged_port_start';
const CAP_NET_BIND_SERVICE = 10n;

/**
 * A reason to skip a test that listens on a low port, which its norm fixes; false if this process may.
 * In CI nothing is skipped.
 */
export function skipWithoutPort(port: number): string | false {
  const isFree = Number(readFileSync(FIRST_OF_ALL, 'utf8')) <= port;
  return isFree || mayBind() || process.env['CI'] === 'true'
    ? false
    : `needs the right to listen on port ${port} (CAP_NET_BIND_SERVICE)`;
}

function mayBind(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return ((BigInt(`0x${effective ?? '0'}`) >> CAP_NET_BIND_SERVICE) & 1n) === 1n;
}
