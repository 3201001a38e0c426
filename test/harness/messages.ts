/** A plain text entity, CR LF lines. */
export function textEntity(text: string): Buffer {
  const lines = ['Content-Type: text/plain; charset=us-ascii', '', text, ''];
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

let count = 0;

/** Header fields of a message, MIME-Version left to whoever adds the entity. */
export function headerOf(message: {
  readonly from: string;
  readonly to: string;
  readonly subject?: string;
  readonly messageId?: string;
}): string[] {
  count += 1;
  const id =
    message.messageId ??
    `${process.pid}.${count}.${Math.random().toString(36).slice(2)}@test.example`;
  return [
    `From: ${message.from}`,
    `To: ${message.to}`,
    `Subject: ${message.subject ?? 'a message'}`,
    'Date: Sat, 21 Nov 2026 05:00:00 +0000',
    `Message-ID: <${id}>`,
  ];
}

/** A whole message of plain text. */
export function textMessage(
  message: Parameters<typeof headerOf>[0] & { readonly text: string },
): Buffer {
  const header = [...headerOf(message), 'MIME-Version: 1.0'].join('\r\n');
  return Buffer.concat([Buffer.from(`${header}\r\n`, 'latin1'), textEntity(message.text)]);
}

/** A multipart entity whose second part is an attachment. */
export function attachmentEntity(name: string, content: string): Buffer {
  const encoded = Buffer.from(content, 'latin1').toString('base64');
  const lines = [
    'Content-Type: multipart/mixed; boundary="=_part"',
    '',
    '--=_part',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    'See the attachment.',
    '--=_part',
    `Content-Type: application/octet-stream; name="${name}"`,
    `Content-Disposition: attachment; filename="${name}"`,
    'Content-Transfer-Encoding: base64',
    '',
    encoded,
    '--=_part--',
    '',
  ];
  return Buffer.from(lines.join('\r\n'), 'latin1');
}
