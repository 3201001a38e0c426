import { createServer } from 'node:net';
import {
  connectSocket,
  healthProtocol,
  IpcRefused,
  IpcUnavailable,
  recorderProtocol,
} from '@sallyport/ipc';
import { ROLES } from '../gateway/roles.ts';
import { healthSocketOf } from '../gateway/specs/monitor.ts';
import type { Check, Patient } from './check.ts';
import { dial, isWholeReply } from './dial.ts';
import { type Finding, fault, ok, reasonOf, warning } from './finding.ts';

const CALL_MS = 3_000;

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
    const isRunning = await recorderAnswers(patient);
    const found = await Promise.all(
      listenersOf(patient).map((one) => checkListener(one, patient, isRunning)),
    );
    const findings = found.flat();
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
  isRunning: boolean,
): Promise<readonly Finding[]> {
  const { of, host, port, greets } = listener;
  const where = `${host}:${port} (${of})`;
  const code = await whyNotFree(host, port);
  if (code === null) {
    if (!isRunning) return [];
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
  const taken = fault(
    'port-taken',
    `${where} is taken by another program.`,
    `Find it with: ss -ltnp 'sport = :${port}'`,
  );
  if (!isRunning) return [taken];
  if (!greets) return [];
  const greeting = await dial({ host: local(host), port }, { isEnough: isWholeReply });
  if (greeting.kind === 'silent') {
    return [
      fault(
        'port-silent',
        `${where} is listened on, and does not greet: ${greeting.reason}.`,
        'Look at the log of ingress.',
      ),
    ];
  }
  // A gateway that is full or stopping greets with 4xx.
  return greeting.text.includes(config.gateway.name) || greeting.text.startsWith('4')
    ? []
    : [taken];
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

async function recorderAnswers({ layout }: Patient): Promise<boolean> {
  const path = layout.sockets.recorder;
  const client = connectSocket({ path, protocol: recorderProtocol, deadlineMs: CALL_MS });
  try {
    await client.call('head', {});
    return true;
  } catch {
    return false;
  } finally {
    client.close();
  }
}

/** Sockets between the processes: all answer, or none does. */
export const processesCheck: Check = {
  area: 'processes',
  asksOthers: false,
  look: async (patient) => {
    const { sockets } = patient.layout;
    const wanted = [
      ['recorder', sockets.recorder],
      ['keyholder', sockets.keyholderOperator],
      ['worker-outward', sockets.outward],
      ...(patient.config.ingress.partner === undefined
        ? []
        : [['worker-inward', sockets.inward] as const]),
      ['worker-advise', sockets.advise],
      ['egress', sockets.egress],
    ] as const;
    const answers = await Promise.all(
      wanted.map(async ([name, path]) => ({ name, answer: await dial({ path }) })),
    );
    const silent = answers.flatMap(({ name, answer }) =>
      answer.kind === 'silent' ? [{ name, reason: answer.reason }] : [],
    );
    if (silent.length === wanted.length) {
      return [
        warning(
          'not-running',
          'The gateway does not run.',
          'Start it: systemctl start sallyport.target, or sallyport serve.',
        ),
      ];
    }
    const ill = await illProcesses(patient);
    if (silent.length === 0 && ill.length === 0) {
      return [ok('processes', 'All processes answer, and are well.')];
    }
    const mute = silent.map(({ name, reason }) =>
      fault(
        'process-silent',
        `${name} does not answer (${reason}), and others do.`,
        `Look at its log: journalctl -u sallyport-${name}`,
      ),
    );
    return [...mute, ...ill];
  },
};

/** Processes that answer, and say of themselves that they cannot do their work. */
async function illProcesses({ layout }: Patient): Promise<readonly Finding[]> {
  const asked = ROLES.map(async (role): Promise<readonly Finding[]> => {
    const path = healthSocketOf(layout, role);
    const client = connectSocket({ path, protocol: healthProtocol, deadlineMs: CALL_MS });
    try {
      const { ok: isWell, sentence } = await client.call('health', {});
      if (isWell) return [];
      const told = `${role} says: ${sentence.replace(/\.$/, '')}.`;
      return [fault('process-ill', told, `Look at its log: journalctl -u sallyport-${role}`)];
    } catch (error) {
      // One that is not there is told by its own socket, or is not part of this gateway.
      if (error instanceof IpcUnavailable || error instanceof IpcRefused) return [];
      throw error;
    } finally {
      client.close();
    }
  });
  return (await Promise.all(asked)).flat();
}
