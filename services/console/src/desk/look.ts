import type { adviseProtocol, CallResult, IpcClient } from '@sallyport/ipc';
import { type Domain, parseDomain } from '@sallyport/mail';
import { orRefused, type Refused } from './refused.ts';

type Advise = IpcClient<typeof adviseProtocol>;
export type Surveyed = CallResult<typeof adviseProtocol, 'survey'>;
export type Probed = CallResult<typeof adviseProtocol, 'probe'>;
export type Trusted = CallResult<typeof adviseProtocol, 'trust'>;
export type Described = CallResult<typeof adviseProtocol, 'describe'>['certificates'][number];

/** Other hosts are waited for; a person waits no longer than this. */
const LOOK_MS = 90_000;
/** One call is a frame of a megabyte. */
const MAX_DESCRIBED_CHARS = 600_000;
const MAX_DESCRIBED = 40;
const MAX_RUNNING = 8;
const BUSY: Refused = {
  kind: 'refused',
  sentence: 'Too much is being looked up at the moment. Try again in a minute.',
};

/** What is looked up at strangers, by worker advise: the console itself connects to nobody. */
export interface LookDesk {
  survey(domain: string): Promise<{ readonly kind: 'found'; readonly found: Surveyed } | Refused>;
  probe(domain: string): Promise<{ readonly kind: 'found'; readonly found: Probed } | Refused>;
  trust(of: {
    readonly address: string;
    readonly role: 'confidentiality' | 'signing';
  }): Promise<{ readonly kind: 'found'; readonly found: Trusted } | Refused>;
  /** What stands in certificates, PEM or DER in base64; the first forty. */
  describe(texts: readonly string[]): Promise<readonly Described[]>;
}

export function createLookDesk(advise: Advise): LookDesk {
  const options = { deadlineMs: LOOK_MS };
  let running = 0;
  /** Each look is many questions to strangers: nobody makes a crowd of them out of this gateway. */
  const bounded = async <T>(look: () => Promise<T>): Promise<T | Refused> => {
    if (running >= MAX_RUNNING) return BUSY;
    running += 1;
    try {
      return await orRefused(look);
    } finally {
      running -= 1;
    }
  };
  return {
    survey: async (text) => {
      const domain = domainOf(text);
      if (typeof domain !== 'string') return domain;
      return await bounded(async () => {
        const found = await advise.call('survey', { domain }, options);
        return { kind: 'found', found } as const;
      });
    },
    probe: async (text) => {
      const domain = domainOf(text);
      if (typeof domain !== 'string') return domain;
      return await bounded(async () => {
        const found = await advise.call('probe', { domain }, options);
        return { kind: 'found', found } as const;
      });
    },
    trust: async (of) =>
      await bounded(async () => {
        const found = await advise.call('trust', of, options);
        return { kind: 'found', found } as const;
      }),
    describe: async (texts) => {
      const certificates: string[] = [];
      let chars = 0;
      for (const text of texts.slice(0, MAX_DESCRIBED)) {
        chars += text.length;
        if (chars > MAX_DESCRIBED_CHARS) break;
        certificates.push(text);
      }
      if (certificates.length === 0) return [];
      return (await advise.call('describe', { certificates })).certificates;
    },
  };
}

function domainOf(text: string): Domain | Refused {
  const domain = parseDomain(text.trim());
  return domain ?? { kind: 'refused', sentence: 'That is not a domain.' };
}
