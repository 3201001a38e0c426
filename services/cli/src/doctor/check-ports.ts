import { createServer } from 'node:net';
import { isPublicAddress } from '@sallyport/lookup';
import type { Check, Patient } from './check.ts';
import { askSockets, type Running, runningOf } from './check-processes.ts';
import { dial, isWholeReply } from './dial.ts';
import { type Finding, fault, ok, reasonOf, warning } from './finding.ts';

interface Listener {
  readonly of: string;
  readonly host: string;
  readonly port: number;
  /** It greets in SMTP, so that its name can be read. */
  readonly greets: boolean;
}

/** Addresses that the gateway listens on: free, or its own. */
export const portsCheck: Check = {
  area: 'ports',
  asksOthers: false,
  look: async (patient) => {
    const running = runningOf(await askSockets(patient));
    const found = await Promise.all(
      listenersOf(patient).map((one) => checkListener(one, patient, running)),
    );
    const findings = [...found.flat(), ...openFindings(patient)];
    return findings.length > 0
      ? findings
      : [ok('ports', 'All addresses to listen on are free or our own.')];
  },
};

function listenersOf({ config }: Patient): readonly Listener[] {
  const { ingress, directory } = config;
  const smtp = [
    { of: 'ingress.partner', at: ingress.partner?.listen },
    { of: 'ingress.relay', at: ingress.relay?.listen },
    { of: 'ingress.submission', at: ingress.submission?.listen },
  ];
  const others = [
    { of: 'ingress.submission (TLS)', at: ingress.submission?.listenTls },
    { of: 'directory', at: directory?.listen },
    { of: 'directory (TLS)', at: directory?.listenTls },
    { of: 'directory.http', at: directory?.http.listen },
    { of: 'directory.http (TLS)', at: directory?.http.listenTls },
    { of: 'console', at: config.console?.listen },
    { of: 'monitor', at: config.monitor?.listen },
  ];
  const rows = (some: typeof smtp, greets: boolean): Listener[] =>
    some.flatMap(({ of, at = [] }) => at.map((one) => ({ of, ...one, greets })));
  return [...rows(smtp, true), ...rows(others, false)];
}

async function checkListener(
  listener: Listener,
  { config }: Patient,
  running: Running,
): Promise<readonly Finding[]> {
  const { of, host, port, greets } = listener;
  const where = `${host}:${port} (${of})`;
  const code = await whyNotFree(host, port);
  if (code === null) {
    if (running !== 'yes') return [];
    return [
      fault(
        'port-silent',
        `The gateway runs, and nobody listens on ${where}.`,
        'Look at the log of that process, then restart it.',
      ),
    ];
  }
  if (code === 'EACCES') {
    return [
      warning(
        'port-privileged',
        `This account may not listen on ${where}, so whether it is free is not known.`,
        'Run doctor as root; the process needs CAP_NET_BIND_SERVICE.',
      ),
    ];
  }
  if (code === 'EADDRNOTAVAIL') {
    return [
      fault(
        'address-absent',
        `This host has no address ${host} (${of}).`,
        'Name an address of this host, or 0.0.0.0.',
      ),
    ];
  }
  if (code !== 'EADDRINUSE') {
    return [
      fault(
        'port-unusable',
        `${where} cannot be listened on: ${code}.`,
        'Change the address in the config.',
      ),
    ];
  }
  return greets
    ? await whoGreets(where, { host, port, name: config.gateway.name, running })
    : ownOrTaken(where, port, running);
}

function taken(where: string, port: number): Finding {
  const advice = `Find it with: ss -ltnp 'sport = :${port}'`;
  return fault('port-taken', `${where} is taken by another program.`, advice);
}

/** A port that says nothing of itself is ours if the gateway runs. */
function ownOrTaken(where: string, port: number, running: Running): readonly Finding[] {
  if (running === 'yes') return [];
  if (running === 'no') return [taken(where, port)];
  const sentence = `${where} is in use; whether by the gateway this account cannot see.`;
  return [warning('port-not-known', sentence, 'Run doctor as root.')];
}

/** Who greets says its name, whatever else of the gateway is away. */
async function whoGreets(
  where: string,
  of: {
    readonly host: string;
    readonly port: number;
    readonly name: string;
    readonly running: Running;
  },
): Promise<readonly Finding[]> {
  const { host, port, name, running } = of;
  const greeting = await dial({ host: local(host), port }, { isEnough: isWholeReply });
  if (greeting.kind === 'answered') {
    // A gateway that is full or stopping greets with 4xx.
    const isOwn = greeting.text.includes(name) || (running !== 'no' && /^4/.test(greeting.text));
    return isOwn ? [] : [taken(where, port)];
  }
  if (running !== 'yes') return ownOrTaken(where, port, running);
  return [
    fault(
      'port-silent',
      `${where} is listened on, and does not greet: ${greeting.reason}.`,
      'Look at the log of ingress.',
    ),
  ];
}

/** The monitor answers everybody who reaches it, in clear. */
function openFindings({ config }: Patient): readonly Finding[] {
  const open = (config.monitor?.listen ?? []).filter(
    ({ host }) => host === '0.0.0.0' || host === '::' || isPublicAddress(host),
  );
  return open.map(({ host, port }) =>
    warning(
      'monitor-open',
      `Whoever reaches ${host}:${port} (monitor) reads the figures and the state of the gateway.`,
      'Name an inner address under monitor.listen, or see that a firewall keeps others out.',
    ),
  );
}

/** Where everybody is listened for, ourselves are reached by loopback. */
function local(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

/** Null if it is free: it is bound for a moment, which nobody can connect in time for. */
async function whyNotFree(host: string, port: number): Promise<string | null> {
  return await new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error) => resolve(reasonOf(error)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
