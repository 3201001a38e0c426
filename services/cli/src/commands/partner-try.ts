import { askAdvise, openGateway } from './gateway-access.ts';
import { print, printJson, printTable } from './output.ts';
import type { WithConfig } from './policy-order.ts';

const DEADLINE_MS = 90_000;

/** Connects to the mail servers of a domain as the running gateway would; sends nothing. */
export async function runPartnerTry(domain: string, options: WithConfig): Promise<number> {
  const gateway = await openGateway(options.config);
  const found = await askAdvise(
    gateway,
    DEADLINE_MS,
    async (client) => await client.call('probe', { domain }),
  );
  if (options.json === true) {
    printJson(found);
    return 0;
  }
  const { mail, mtaSts, chains, levels } = found;
  print(`Mail: ${mail.kind === 'mx' ? `MX, DNSSEC ${mail.dnssec}` : (mail.reason ?? mail.kind)}`);
  for (const { name, tls, tlsa } of mail.hosts) {
    print(`${name}: ${[tls.version, tls.cipher, tls.sentence].filter(Boolean).join(', ')}`);
    print(`  DANE ${tlsa.check}: ${tlsa.sentence}`);
    for (const one of chains.find(({ host }) => host === name)?.certificates ?? []) {
      print(`  ${one.subject}, ${one.dnsNames.join(' ')}, until ${one.notAfter}`);
      print(`    SHA-256 ${one.sha256}, of its key ${one.spkiSha256}`);
    }
  }
  print(`MTA-STS: ${mtaSts.mode ?? mtaSts.state}: ${mtaSts.reason}`);
  print('Levels of tls.level that would let mail through today:');
  printTable(levels.map(({ level, holds, sentence }) => [`  ${level}`, holds, sentence]));
  return 0;
}
