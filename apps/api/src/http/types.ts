/** The framework's own request and response types, named once so that nothing else imports its parts. */
export type { NextFunction, Request, Response } from 'express';
