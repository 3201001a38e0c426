import { stat } from 'node:fs/promises';
import { get } from 'node:https';
import { anchorsOf } from '@sallyport/transport';
import type { Check } from './check.ts';
import { type Finding, fault, ok, reasonOf, warning } from './finding.ts';

const MAX_OFF_MS = 60_000;
const TIMEOUT_MS = 5_000;
const SET_IT = 'Set the clock: chronyc makestep, or timedatectl set-ntp true.';

/** The clock of this host beside what else tells a time: its own files, and a server of the config. */
export const clockCheck: Check = {
  area: 'clock',
  asksOthers: false,
  look: async ({ configFile, layout, now }) => {
    const files = [configFile, layout.audit, layout.policy, layout.keys];
    const found = await Promise.all(files.map(async (path) => await fromFuture(path, now)));
    const findings = found.flat();
    return findings.length > 0
      ? findings
      : [ok('clock', 'No file of the gateway is from the future.')];
  },
};

async function fromFuture(path: string, now: Date): Promise<readonly Finding[]> {
  const found = await stat(path).catch(() => null);
  if (found === null || found.mtimeMs <= now.getTime() + MAX_OFF_MS) return [];
  const sentence = `${path} was changed at ${found.mtime.toISOString()}, which this host thinks is yet to come.`;
  return [fault('clock-behind', sentence, SET_IT)];
}

/** The same against the Date of a web server that the config names; without one it says so. */
export const farClockCheck: Check = {
  area: 'clock elsewhere',
  asksOthers: true,
  look: async (patient) => {
    const target = patient.config.audit.ship.find((one) => one.kind === 'https');
    if (target?.kind !== 'https') {
      return [
        ok(
          'clock-alone',
          'The config names no web server to compare the clock with, so whether it is right is not known here: see chronyc tracking.',
        ),
      ];
    }
    const told = await dateOf(target.url, target.anchorsFile);
    if (typeof told === 'string') {
      return [
        warning(
          'clock-not-known',
          `The clock could not be compared with ${new URL(target.url).host}: ${told}.`,
          'See chronyc tracking.',
        ),
      ];
    }
    const offMs = patient.now.getTime() - told.getTime();
    if (Math.abs(offMs) <= MAX_OFF_MS)
      return [ok('clock-agrees', `The clock agrees with ${new URL(target.url).host}.`)];
    const sentence = `The clock is ${Math.round(Math.abs(offMs) / 1_000)} s ${offMs > 0 ? 'ahead of' : 'behind'} ${new URL(target.url).host}.`;
    return [fault('clock-off', sentence, SET_IT)];
  },
};

async function dateOf(url: string, anchorsFile: string | undefined): Promise<Date | string> {
  try {
    const ca = await anchorsOf(anchorsFile ?? null);
    const date = await new Promise<string>((resolve, reject) => {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      // Any answer has a Date; nothing is posted.
      const call = get(url, { ca, agent: false, signal }, (response) => {
        response.destroy();
        resolve(response.headers.date ?? '');
      });
      call.on('error', reject);
    });
    const time = Date.parse(date);
    return Number.isNaN(time) ? 'it tells no time' : new Date(time);
  } catch (error) {
    return reasonOf(error);
  }
}
