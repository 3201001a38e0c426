import { connectSocket, healthProtocol, IpcRefused, IpcUnavailable } from '@sallyport/ipc';
import { ROLES } from '../gateway/roles.ts';
import { healthSocketOf, watchedRoles } from '../gateway/specs/monitor.ts';
import type { Check, Patient } from './check.ts';
import { dial } from './dial.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

const CALL_MS = 3_000;

/** How one socket of a process answered. `hidden`: this account may not connect to it. */
export interface SocketAnswer {
  readonly name: string;
  readonly state: 'answers' | 'silent' | 'hidden';
  readonly reason: string;
}

/** Whether the gateway runs, as far as this account can see. */
export type Running = 'yes' | 'no' | 'not-known';

export function runningOf(answers: readonly SocketAnswer[]): Running {
  if (answers.some(({ state }) => state === 'answers')) return 'yes';
  return answers.some(({ state }) => state === 'hidden') ? 'not-known' : 'no';
}

/** Connects to every process that this gateway has: by the socket for its work, or for its health. */
export async function askSockets({ layout, config }: Patient): Promise<readonly SocketAnswer[]> {
  const { sockets } = layout;
  const works: Readonly<Record<string, string>> = {
    recorder: sockets.recorder,
    keyholder: sockets.keyholderOperator,
    'worker-outward': sockets.outward,
    'worker-inward': sockets.inward,
    'worker-advise': sockets.advise,
    egress: sockets.egress,
  };
  const monitor = config.monitor === undefined ? [] : (['monitor'] as const);
  const names = [...watchedRoles(config), ...monitor];
  return await Promise.all(
    names.map(async (name): Promise<SocketAnswer> => {
      const answer = await dial({ path: works[name] ?? healthSocketOf(layout, name) });
      if (answer.kind === 'answered') return { name, state: 'answers', reason: '' };
      const { reason } = answer;
      return { name, state: reason === 'EACCES' ? 'hidden' : 'silent', reason };
    }),
  );
}

/** The processes: all answer and are well, or none runs. */
export const processesCheck: Check = {
  area: 'processes',
  asksOthers: false,
  look: async (patient) => {
    const answers = await askSockets(patient);
    if (runningOf(answers) === 'no') {
      return [
        warning(
          'not-running',
          'The gateway does not run.',
          'Start it: systemctl start sallyport.target, or sallyport serve.',
        ),
      ];
    }
    const hidden = answers.filter(({ state }) => state === 'hidden').map(({ name }) => name);
    const findings: Finding[] = [
      ...answers.flatMap(silentFinding),
      ...(hidden.length === 0 ? [] : [notSeen(hidden)]),
      ...(await illProcesses(patient)),
    ];
    return findings.length > 0
      ? findings
      : [ok('processes', `All ${answers.length} processes answer, and are well.`)];
  },
};

function silentFinding({ name, state, reason }: SocketAnswer): readonly Finding[] {
  if (state !== 'silent') return [];
  const sentence = `${name} does not answer (${reason}), and others do.`;
  return [fault('process-silent', sentence, `Look at its log: journalctl -u sallyport-${name}`)];
}

function notSeen(names: readonly string[]): Finding {
  const sentence = `This account may not ask ${names.join(', ')}, so how they are is not known.`;
  return warning('processes-not-seen', sentence, 'Run doctor as root.');
}

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
      if (!(error instanceof IpcUnavailable) && !(error instanceof IpcRefused)) throw error;
      if (!(error instanceof IpcUnavailable) || error.kind !== 'deadline') return [];
      const told = `${role} takes connections, and did not say within ${CALL_MS / 1_000} s how it is.`;
      return [fault('process-stuck', told, `Look at its log: journalctl -u sallyport-${role}`)];
    } finally {
      client.close();
    }
  });
  return (await Promise.all(asked)).flat();
}
