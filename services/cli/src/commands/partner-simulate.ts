import { MAX_DRAFT_CHARS, MAX_SIMULATED_BYTES } from '@sallyport/ipc';
import { parseMailbox } from '@sallyport/mail';
import { extractFor, type PolicyDocument, tlsDecider, tlsPolicyFor } from '@sallyport/policy';
import { askAdvise, type Gateway, openGateway } from './gateway-access.ts';
import { print, printJson } from './output.ts';
import { activePolicy, type Draft, openDraft, type WithConfig } from './policy-order.ts';
import { readBytes } from './read-input.ts';
import { Complaint } from './run.ts';
import { printSteps } from './trace-lines.ts';

const SIMULATE_DEADLINE_MS = 60_000;

interface SimulateOptions extends WithConfig {
  readonly from: string;
  readonly to: string;
  readonly message?: string;
  readonly policy?: string;
}

/** Says what would happen to a message and why; nothing is sent. */
export async function runPartnerSimulate(options: SimulateOptions): Promise<number> {
  const gateway = await openGateway(options.config);
  const { from, to } = options;
  const draft = options.policy === undefined ? null : await openDraft(gateway, options.policy);
  const message = options.message === undefined ? null : await messageOf(options.message);
  const policy = draft?.policy ?? (await activePolicy(gateway)).policy;
  const asked = {
    from,
    to,
    ...(message === null ? {} : { message }),
    ...(draft === null ? {} : { policy: draftFor(to, draft) }),
  };
  const answer = await askAdvise(
    gateway,
    SIMULATE_DEADLINE_MS,
    async (client) => await client.call('simulate', asked),
  );
  const transport = transportOf(to, { gateway, policy });
  if (options.json === true) {
    printJson({ ...answer, transport });
    return 0;
  }
  printSteps(answer.steps);
  const by = draft === null ? `version ${answer.policyVersion}` : draft.name;
  print(`Decision: ${answer.decision}, by rule ${answer.rule} of ${by}.`);
  printProtection(answer);
  print(`Transport: ${transport.sentence}`);
  for (const remark of answer.remarks) print(`Note: ${remark}`);
  print(answer.sentence);
  return 0;
}

function printProtection({
  algorithms,
  certificate,
}: {
  readonly algorithms: {
    readonly content: string;
    readonly contentSource: string;
    readonly keyTransport: string;
    readonly keyTransportSource: string;
  } | null;
  readonly certificate: {
    readonly fingerprint: string;
    readonly door: string;
    readonly owner: string;
    readonly proof: string;
    readonly revocation: string;
  } | null;
}): void {
  if (certificate !== null) {
    const { fingerprint, door, owner, proof, revocation } = certificate;
    print(
      `Certificate: ${fingerprint}, of the ${owner}, found by ${door}, trusted by ${proof}, revocation ${revocation}.`,
    );
  }
  if (algorithms === null) return;
  const { content, contentSource, keyTransport, keyTransportSource } = algorithms;
  print(
    `Encryption: ${content} (chosen by: ${contentSource}), ${keyTransport} (chosen by: ${keyTransportSource}).`,
  );
}

async function messageOf(file: string): Promise<string> {
  const bytes = await readBytes(file);
  if (bytes.length <= MAX_SIMULATED_BYTES) return bytes.toString('base64');
  throw new Complaint(`${file} is over ${MAX_SIMULATED_BYTES} bytes; simulate a shorter message.`);
}

/** What of a draft concerns a recipient: one call holds no policy of ten thousand partners. */
function draftFor(to: string, { name, document, policy }: Draft): string {
  const text = JSON.stringify(extractFor(parseMailbox(to)?.domain ?? null, document, policy));
  if (text.length <= MAX_DRAFT_CHARS) return text;
  throw new Complaint(`What ${name} says of ${to} is too long to simulate.`);
}

/** The way to the recipient's domain: a route of the config, or the partner's TLS rule. */
function transportOf(
  to: string,
  { gateway, policy }: { readonly gateway: Gateway; readonly policy: PolicyDocument },
) {
  const domain = parseMailbox(to)?.domain;
  const { routes } = gateway.config;
  const route =
    routes.find((one) => one.domain === domain) ?? routes.find(({ domain: of }) => of === '*');
  const { rule, tls } =
    domain === undefined
      ? { rule: 'default', tls: policy.default.tls }
      : tlsPolicyFor(policy, domain);
  const way =
    route === undefined
      ? 'by MX'
      : `by the route to ${route.nextHops.map((hop) => `${hop.host}:${hop.port}`).join(', ')}`;
  const isOwn = gateway.config.domains.some(({ name }) => name === domain);
  const decides = tlsDecider(tls.level, { route: route ?? null, isOwn });
  const ofRoute = route === undefined ? '' : `tls.level ${route.tls.level} of that route`;
  const ofRule = `tls.level ${tls.level} of rule ${rule}`;
  const demands = { policy: ofRule, route: ofRoute, both: `${ofRule} and ${ofRoute}` } as const;
  return {
    level: decides === 'route' && route !== undefined ? route.tls.level : tls.level,
    rule,
    route: route?.domain ?? null,
    sentence: `${way}, ${demands[decides]}.`,
  };
}
