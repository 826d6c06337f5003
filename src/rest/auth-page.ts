import { createHash } from 'node:crypto';
import type { Response } from 'express';

const STYLE = `body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem;color-scheme:light dark}
h1{font-size:1.4rem}`;

/** Nothing but the page's own style: no script, no frame, no form, nothing from elsewhere. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Answers a browser with a small page. `title` and `message` are words of ours, never anything that came with a request. */
export function sendPage(
  response: Response,
  status: number,
  { title, message, again }: { title: string; message: string; again: string | null },
): void {
  const link = again ? `<p><a href="${again}">Try again</a></p>` : '';
  response.status(status).set({
    'Content-Security-Policy': POLICY,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
  });
  response.type('html').send(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – Sidecar</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
<p>${message}</p>
${link}
</body>
</html>
`);
}
