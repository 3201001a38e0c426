/** What `init` fills in. */
export interface TemplateFacts {
  readonly gatewayName: string;
  readonly domain: string;
  readonly innerMta: string;
  readonly runtimeFolder: string;
}

/** A production config with comments: what runs as it is, and what an admin must look at. */
export function configTemplate({
  gatewayName,
  domain,
  innerMta,
  runtimeFolder,
}: TemplateFacts): string {
  return `# Sallyport gateway of ${domain}.
# Every field, its meaning and default: docs/reference/config.md. An unknown key is an error.
# Relative paths are relative to this file. After a change: sallyport check-config gateway.yaml

gateway:
  # This host's name, as partners see it: EHLO, Received, Authentication-Results.
  name: ${gatewayName}
  # Spool, audit log, policy versions and keys. Back it up; the audit log also elsewhere.
  dataFolder: data
  # Unix sockets; the absolute path must have at most 80 characters.
  runtimeFolder: ${runtimeFolder}

domains:
  - name: ${domain}
    # How a recipient is checked: call-forward asks the inner MTA. Also: list, ldap, any.
    recipients: { kind: call-forward }

routes:
  # The inner MTA that takes mail for ${domain}. LOOK HERE: name yours.
  - domain: ${domain}
    nextHops: ["${innerMta}"]
    tls: { level: may }

ingress:
  # Mail from outside.
  partner:
    listen: ["0.0.0.0:25"]
  # Mail from inner hosts, known by their address. LOOK HERE: name yours.
  relay:
    listen: ["127.0.0.1:10025"]
    allow: ["127.0.0.0/8"]
  # Mail from people who log in: sallyport user add LOGIN --config gateway.yaml
  submission:
    listen: ["0.0.0.0:587"]
    passwordFile: passwords
  # Made by init from the gateway's own CA. A certificate of a public CA is better: partners and mail
  # programs trust it without being told.
  tls:
    certificateFile: tls.pem
    keyFile: tls-key.pem

# Our certificates for partners to find: LDAP, read-only, exact names only.
directory:
  listen: ["0.0.0.0:389"]

# A virus scanner. Without it attachments are judged by name and type only.
# scanner:
#   clamd: { socket: /run/clamav/clamd.ctl }

# Many hosts: BullMQ on Redis instead of the embedded schedule.
# queue: { driver: redis, urlFile: redis-url }
`;
}

/** The first policy version: nobody agreed with yet, everybody treated by the default rule. */
export const FIRST_POLICY = `# Nobody is agreed with yet: the default rule signs what leaves and flags what comes unsigned.
partners: []
`;
