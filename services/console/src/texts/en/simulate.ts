/** Texts of the page that simulates. */
export const simulate = {
  title: 'Simulate a message',
  intro: 'Says what would happen to a message and why. Nothing is sent and nothing is kept.',
  from: 'From (reverse-path)',
  to: 'To (one recipient)',
  version: 'Decide by',
  inForce: 'the version in force',
  versionOption: (version: number, state: string) => `version ${version} (${state})`,
  message: 'Message (optional)',
  messageHint:
    'Its source, 512 KiB at the most. Left out: as if it were short, unsigned and clean.',
  file: 'Or choose a file',
  action: 'Simulate',
  label: 'Message to simulate',
  resultTitle: 'What would happen',
  decision: 'Decision',
  rule: 'Rule',
  decidedBy: 'Policy version',
  algorithms: 'Encryption',
  chosenBy: (what: string, who: string) => `${what} (chosen by: ${who})`,
  certificate: 'Certificate',
  certificateFacts: (owner: string, door: string, proof: string, revocation: string) =>
    `of the ${owner}, found by ${door}, trusted by ${proof}, revocation ${revocation}`,
  transport: 'Transport',
  transportFacts: (level: string, rule: string) => `TLS level ${level}, by ${rule}`,
  transportRoute: (route: string) =>
    `by the route for ${route} of the config, which decides on TLS`,
  transportBoth: (level: string, rule: string, route: string) =>
    `TLS level ${level}, by ${rule}, and what the route for ${route} of the config demands`,
  remarks: 'Taken for granted',
  traceTitle: 'How its certificate was looked for',
  refusedTitle: 'It cannot be simulated',
  noVersion: 'There is no such policy version.',
  notBase64: 'The file was not read whole; choose it again.',
} as const;
