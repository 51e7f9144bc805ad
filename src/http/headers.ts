/** Headers of every answer: no caches, no frames, no guessed types. */
import type { RequestHandler } from 'express';

const HEADERS = new Map([
  ['Cache-Control', 'no-store'],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['Content-Security-Policy', "frame-ancestors 'none'"],
  ['Referrer-Policy', 'no-referrer'],
]);

export const safeHeaders: RequestHandler = (_req, res, next) => {
  res.setHeaders(HEADERS);
  next();
};
