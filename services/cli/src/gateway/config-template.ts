/** What `init` fills in. */
export interface TemplateFacts {
  readonly gatewayName: string;
  readonly domain: string;
  readonly innerMta: string;
  readonly runtimeFolder: string;
  readonly sealCredential: string;
}

/** A production config with comments: what runs as it is, and what an admin must look at. */
export function configTemplate({
  gatewayName,
  domain,
  innerMta,
  runtimeFolder,
  sealCredential,
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

# Private keys lie sealed in data; this file opens them. Keep a copy of it apart from the backup of
# data, or let systemd hand it over (LoadCredential). Keys on a smart card or HSM: docs/operations.md.
keys:
  seal: { kind: credential, credentialFile: ${sealCredential} }

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

# Our certificates for partners to find: LDAP and HTTP, read-only, exact names only. Over TLS also
# the signed statement of the domain. Users' certificates: sallyport directory import.
directory:
  listen: ["0.0.0.0:389"]
  http:
    listen: ["0.0.0.0:80"]
    listenTls: ["0.0.0.0:443"]
    publicUrl: http://${gatewayName}
  tls:
    certificateFile: tls.pem
    keyFile: tls-key.pem

# The web console and its API, for the people who run this gateway: sallyport account add NAME.
# LOOK HERE: for others than this host, listen on an address of the inner network and name it in
# publicUrl; passkeys belong to that host name.
console:
  listen: ["127.0.0.1:8443"]
  publicUrl: https://${gatewayName}:8443
  tls:
    certificateFile: tls.pem
    keyFile: tls-key.pem

# /healthz, /readyz and Prometheus /metrics on an inner address, and alerts by mail or webhook.
monitor:
  listen: ["127.0.0.1:9464"]
  # alerts:
  #   mail: { to: [admin@${domain}], from: gateway@${domain}, via: "${innerMta}" }

# Copies of the newest signed head of the audit log, where this host cannot change them: without one a
# cut of the log's end is not found. The file must be there. Also: syslog over TLS, https.
# audit: { ship: [{ kind: file, path: /mnt/log-host/heads.jsonl }] }

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
