import type { LookupAddress } from 'node:dns';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isPublicAddress } from '../../src/infra/downloads/address.ts';
import { hostRule, parseRedirect } from '../../src/infra/downloads/url.ts';
import type { DownloadsConfig } from '../../src/infra/downloads.ts';
import { archive, archiveSha256, failureOf, fetchWith, folder, open, serve, setStage } from './stage.ts';

setStage();

test('D5: redirects are followed, five of them, and the file is that of the last', async () => {
  const server = await serve((request, response) => {
    const hop = Number(/^\/hop(\d+)$/.exec(request.url ?? '')?.[1]);
    if (hop > 0)
      response.writeHead([301, 302, 303, 307, 308][hop % 5] ?? 302, { location: `/hop${hop - 1}` }).end();
    else response.writeHead(200).end(archive);
  });
  expect(await fetchWith(`${server.origin}/hop5`)).toMatchObject({ sha256: archiveSha256 });
  await rm(join(folder, 'archive.zip'));
  const before = server.requests.length;
  expect(await failureOf(`${server.origin}/hop6`)).toMatchObject({
    code: 'TOO_MANY_REDIRECTS',
    retryable: false,
  });
  expect(server.requests.slice(before).map((request) => request.url)).not.toContain('/hop0');
});

test('D5: a redirect to a private address, another protocol or a wrong port is refused without a connection', async () => {
  const inner = await serve((_request, response) => response.end(archive), '127.0.0.2');
  for (const location of [
    inner.url,
    'http://169.254.169.254/latest/meta-data/',
    'file:///etc/passwd',
    'ftp://example.org/secret.zip',
    'http://example.org:22/',
    'http://user:secret@example.org/',
    'http://[',
  ]) {
    const server = await serve((_request, response) => response.writeHead(302, { location }).end());
    expect(await failureOf(server.url)).toMatchObject({ code: 'REDIRECT_REFUSED', retryable: false });
    expect(server.requests).toHaveLength(1);
  }
  expect(inner.connections()).toBe(0);
});

test('D5: a redirect from https to http is refused', () => {
  const from = new URL('https://example.org/a');
  const rule = hostRule([]);
  expect(() => parseRedirect(from, 'http://example.org/b', rule)).toThrow('https to http');
  expect(parseRedirect(from, '/b', rule).href).toBe('https://example.org/b');
  expect(parseRedirect(new URL('http://example.org/a'), 'https://example.org/b', rule).protocol).toBe(
    'https:',
  );
});

test('D6: a name that leads to a private address, alone or among public ones, is refused when it connects', async () => {
  const inner = await serve((_request, response) => response.end(archive), '127.0.0.2');
  const answers: LookupAddress[][] = [
    [{ address: '127.0.0.2', family: 4 }],
    [
      { address: '93.184.215.14', family: 4 },
      { address: '127.0.0.2', family: 4 },
    ],
    [
      { address: '127.0.0.2', family: 4 },
      { address: '2606:2800:21f:cb07:6820:80da:af6b:8b2c', family: 6 },
    ],
    [{ address: '::ffff:127.0.0.2', family: 6 }],
  ];
  for (const addresses of answers) {
    const failure = await failureOf(`http://export.example.org:${inner.port}/secret`, {
      resolve: (_hostname, callback) => callback(null, addresses),
    });
    expect(failure).toMatchObject({ code: 'ADDRESS_REFUSED', retryable: false });
  }
  expect(inner.connections()).toBe(0);
});

test('D6: a name that is rebound after its check is refused, and the name of an allowed host is not', async () => {
  const inner = await serve((_request, response) => response.end(archive), '127.0.0.2');
  const url = `http://export.example.org:${inner.port}/secret`;
  let lookups = 0;
  const resolve: DownloadsConfig['resolve'] = (_hostname, callback) => {
    lookups++;
    callback(null, [{ address: '127.0.0.2', family: 4 }]);
  };
  open({ resolve }).check(url);
  expect(lookups).toBe(0);
  expect(await failureOf(url, { resolve })).toMatchObject({ code: 'ADDRESS_REFUSED' });
  const allowedHosts = [`export.example.org:${inner.port}`];
  expect(await fetchWith(url, { resolve, allowedHosts })).toMatchObject({ sha256: archiveSha256 });
});

test('D7: private addresses in every spelling are refused before anything is sent', async () => {
  const inner = await serve((_request, response) => response.end(archive), '127.0.0.2');
  const hosts = [
    '127.0.0.2',
    '2130706434',
    '0x7f.2',
    '0177.0.0.2',
    '127.2',
    '０x7f.2',
    'localhost',
    'localhost.',
    'db.internal',
    'postgres',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.169.254',
    '168.63.129.16',
    '0.0.0.0',
    '255.255.255.255',
    '198.18.0.1',
    '224.0.0.1',
    '[::]',
    '[::1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[64:ff9b:1::7f00:1]',
    '[2002:7f00:1::]',
    '[2001:0:4136:e378:8000:63bf:3fff:fdd2]',
    '[fe80::1]',
    '[fd00:ec2::254]',
    '[fec0::1]',
    '[ff02::1]',
  ];
  const downloads = open();
  for (const host of hosts) {
    const url = `http://${host}:${inner.port}/secret`;
    expect(() => downloads.check(url), host).toThrow('private address');
    expect(await failureOf(url), host).toMatchObject({ code: 'INVALID_URL', retryable: false });
  }
  expect(inner.connections()).toBe(0);
});

test('D7: public addresses are told from those that are not', () => {
  for (const address of ['93.184.215.14', '8.8.8.8', '2606:2800:21f:cb07::1', '2a00:1450::5']) {
    expect(isPublicAddress(address), address).toBe(true);
  }
  for (const address of [
    '',
    'example.org',
    '::127.0.0.1',
    '192.0.2.1',
    '2001:db8::1',
    '100::1',
    '3fff::1%eth0',
  ]) {
    expect(isPublicAddress(address), address).toBe(false);
  }
});

test('D11: URLs that can never be fetched are input errors before any I/O', () => {
  const downloads = open();
  for (const [url, type] of [
    ['https://user:secret@example.org/', 'has_credentials'],
    ['https://user@example.org/', 'has_credentials'],
    [`https://example.org/${'a'.repeat(9000)}`, 'too_long'],
    ['https://example.org/a\r\nHost: b', 'bad_characters'],
    [' https://example.org/', 'bad_characters'],
    ['https://example.org/\ud800', 'bad_characters'],
    [`https://${'a'.repeat(64)}.org/`, 'bad_host'],
    [`https://${'a.'.repeat(130)}org/`, 'bad_host'],
    ['http://example.org:22/', 'bad_port'],
    ['http://example.org:25/', 'bad_port'],
    ['ftp://example.org/', 'bad_protocol'],
    ['file:///etc/passwd', 'bad_protocol'],
    ['javascript:alert(1)', 'bad_protocol'],
    ['example.org/file.zip', 'not_a_url'],
    ['', 'not_a_url'],
    ['https://', 'not_a_url'],
  ] as const) {
    expect(() => downloads.check(url), url).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', fieldErrors: [expect.objectContaining({ type })] }),
    );
  }
  for (const url of [
    'https://example.org/file.zip?sig=a%20b#part',
    'http://example.org:8080/',
    'https://bücher.example/ä.zip',
    'https://[2606:2800:21f:cb07::1]/file.zip',
    'http://127.0.0.1:22/allowed',
  ]) {
    expect(() => downloads.check(url), url).not.toThrow();
  }
});

test('A host is allowed by name or by name and port, in any spelling of it', () => {
  const isAllowed = hostRule(['Files.LOCAL', '10.0.0.5:9000', '::1', '[fd00::1]:8080']);
  expect(isAllowed('files.local', 22)).toBe(true);
  expect(isAllowed('10.0.0.5', 9000)).toBe(true);
  expect(isAllowed('10.0.0.5', 9001)).toBe(false);
  expect(isAllowed('[::1]', 80)).toBe(true);
  expect(isAllowed('fd00::1', 8080)).toBe(true);
  expect(isAllowed('other.local', 80)).toBe(false);
  expect(() => hostRule(['not a host'])).toThrow('not a host');
});
