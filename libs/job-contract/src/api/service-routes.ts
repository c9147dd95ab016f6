import { z } from 'zod';
import type { Answer, Content, Route } from './route.ts';

const JSON_TYPE = 'application/json';

/** Files that change with a release only. */
const pageAnswers = (content: readonly Content[]): readonly Answer[] => [
  { status: 200, description: 'The same for everybody.', headers: ['ETag'], content },
  { status: 304, description: 'You have it already.', headers: ['ETag'], content: [] },
];

const HTML: Content = { mediaType: 'text/html', body: 'text' };

export const SERVICE_ROUTES = [
  {
    id: 'listModels',
    method: 'GET',
    path: '/models',
    tag: 'Models',
    access: 'key',
    summary: 'Every model, with its params and limits',
    answers: [{ status: 200, description: 'All of them.', content: [{ mediaType: JSON_TYPE, body: 'ModelList' }] }],
    problems: [],
  },
  {
    id: 'getModel',
    method: 'GET',
    path: '/models/{name}',
    tag: 'Models',
    access: 'key',
    summary: 'One model',
    params: {
      name: { schema: z.string(), description: 'As GET /models shows it.', example: 'brain-mri' },
    },
    answers: [{ status: 200, description: 'The model.', content: [{ mediaType: JSON_TYPE, body: 'Model' }] }],
    problems: ['not_found'],
  },
  {
    id: 'getLive',
    method: 'GET',
    path: '/health/live',
    tag: 'Service',
    access: 'public',
    summary: 'Does the process answer?',
    answers: [{ status: 200, description: 'It does.', content: [{ mediaType: JSON_TYPE, body: 'Live' }] }],
    problems: [],
  },
  {
    id: 'getReady',
    method: 'GET',
    path: '/health/ready',
    tag: 'Service',
    access: 'public',
    summary: 'Can it accept jobs?',
    answers: [{ status: 200, description: 'It can.', content: [{ mediaType: JSON_TYPE, body: 'Ready' }] }],
    problems: ['unavailable'],
  },
  {
    id: 'getOpenApi',
    method: 'GET',
    path: '/openapi.json',
    tag: 'Documentation',
    access: 'public',
    summary: 'This document',
    headers: ['If-None-Match'],
    answers: pageAnswers([{ mediaType: JSON_TYPE, body: 'any' }]),
    problems: [],
  },
  {
    id: 'getDocs',
    method: 'GET',
    path: '/docs',
    tag: 'Documentation',
    access: 'public',
    summary: 'This document as a page on which it can be tried',
    headers: ['If-None-Match'],
    answers: pageAnswers([HTML]),
    problems: [],
  },
  {
    id: 'getErrors',
    method: 'GET',
    path: '/docs/errors',
    tag: 'Documentation',
    access: 'public',
    summary: 'Every error code: whose fault, and what to do',
    description: 'The type of a problem leads there.',
    headers: ['If-None-Match'],
    answers: pageAnswers([HTML]),
    problems: [],
  },
  {
    id: 'getDocsFile',
    method: 'GET',
    path: '/docs/{file}',
    tag: 'Documentation',
    access: 'public',
    summary: 'A file of the pages',
    params: { file: { schema: z.string(), description: 'As the pages name it.', example: 'docs.css' } },
    headers: ['If-None-Match'],
    answers: pageAnswers([
      { mediaType: 'text/css', body: 'text' },
      { mediaType: 'text/javascript', body: 'text' },
    ]),
    problems: ['not_found'],
  },
] as const satisfies readonly Route[];
