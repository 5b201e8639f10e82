import type { ApiErrorCode } from './client.js';

/** Why a code is asked for. */
export type Purpose = 'verify' | 'login' | 'passwordless' | 'reset';

/** The step that the element shows. */
export type Step = 'start' | 'code' | 'ended' | 'done';

/** What a right code proved. For a reset only `purpose` is defined. */
export interface Verified {
  purpose: Purpose;
  /** The signed token for the back end, which checks it. Undefined without a client. */
  proof: string | undefined;
  /** When the proof expires (RFC 3339). */
  proofExpiresAt: string | undefined;
  /** Only a back end that has checked the proof may rely on these two. */
  email: string | undefined;
  phone: string | undefined;
}

/** A request that failed. The element shows it to the person. */
export interface Failure {
  code: ApiErrorCode;
  /** The HTTP status, 0 if there was no response. */
  status: number;
  /** The names of the fields that the API rejected. */
  fields: string[];
  requestId: string | undefined;
}

/** The settings of config.json. */
export interface Settings {
  apiBaseUrl: string;
  appName: string;
  codeLength: number;
  codeTtlSeconds: number;
  resendCooldownSeconds: number;
  channels: ReadonlyArray<'email' | 'sms'>;
  captcha: null | { provider: 'recaptcha' | 'turnstile' | 'hcaptcha'; siteKey: string; version?: 2 | 3; script?: string };
  mailbox: string | null;
}

export interface StreamOTPEventMap {
  'streamotp-verified': CustomEvent<Verified>;
  'streamotp-ended': CustomEvent<{ reason: 'code_expired' | 'code_used' | 'locked' | 'session_not_found' }>;
  'streamotp-error': CustomEvent<Failure>;
  'streamotp-step': CustomEvent<{ step: Step; heading: string }>;
  'streamotp-ready': CustomEvent<{ settings: Settings }>;
}

/** The element `<stream-otp>`. Importing the module defines it. */
export class StreamOTP extends HTMLElement {
  addEventListener<K extends keyof StreamOTPEventMap>(
    type: K, listener: (this: StreamOTP, event: StreamOTPEventMap[K]) => unknown, options?: boolean | AddEventListenerOptions): void;
  addEventListener<K extends keyof HTMLElementEventMap>(
    type: K, listener: (this: StreamOTP, event: HTMLElementEventMap[K]) => unknown, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
}

declare global {
  interface HTMLElementTagNameMap {
    'stream-otp': StreamOTP;
  }
}
