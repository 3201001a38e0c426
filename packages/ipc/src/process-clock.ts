import { readFileSync } from 'node:fs';
import { type Clock, systemClock } from '@sallyport/mail';
import { z } from 'zod';

/** Between two looks at the file, and how long a timer may sleep: people wait for a test. */
const LOOK_AGAIN_MS = 50;
const LOOK_MS = 10;

const timeSchema = z.iso.datetime({ offset: true });

/**
 * The clock of a process: the machine's, or for tests one that follows the RFC 3339 time in a file.
 * From the time that stands there it runs on at the machine's pace, until another is written.
 *
 * @throws Error if the file cannot be read or holds no such time when the process starts.
 */
export function processClock(file: string | undefined): Clock {
  return file === undefined ? systemClock : new FileClock(file);
}

class FileClock implements Clock {
  readonly lookAgainMs = LOOK_AGAIN_MS;
  readonly #file: string;
  #text: string;
  #time: number;
  #since: number;
  #lookedAt: number;

  constructor(file: string) {
    this.#file = file;
    this.#text = readFileSync(file, 'utf8').trim();
    const time = parseTime(this.#text);
    if (time === null) throw new Error(`${file} holds no RFC 3339 time`);
    this.#time = time;
    this.#since = performance.now();
    this.#lookedAt = this.#since;
  }

  now(): Date {
    const at = performance.now();
    if (at - this.#lookedAt >= LOOK_MS) this.#look(at);
    return new Date(this.#time + at - this.#since);
  }

  #look(at: number): void {
    this.#lookedAt = at;
    const text = readAgain(this.#file);
    if (text === null || text === this.#text) return;
    const time = parseTime(text);
    if (time === null) return; // half written; the next look sees the rest
    this.#text = text;
    this.#time = time;
    this.#since = at;
  }
}

/** Null while somebody replaces the file: the time that was known runs on. */
function readAgain(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return null;
  }
}

function parseTime(text: string): number | null {
  return timeSchema.safeParse(text).success ? Date.parse(text) : null;
}
