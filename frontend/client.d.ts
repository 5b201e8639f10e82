/** A call of the API failed, or never reached it. */
export class ApiError extends Error {
  constructor(code: ApiErrorCode, status?: number, details?: Partial<ApiError>);
  code: ApiErrorCode;
  /** The HTTP status, 0 if there was no response. */
  status: number;
  /** The names of the fields that the API rejected, and the reason of each. */
  fields: string[];
  why: Record<string, string>;
  /** Why a new password was rejected. */
  reasons: string[];
  attemptsRemaining?: number;
  supportedCountries?: string[];
  country?: string;
  /** Seconds to wait. */
  retryAfter?: number;
  requestId?: string;
}

/** The API's own codes, then those of the client: what a response without a code is, and what has no response. */
export type ApiErrorCode =
  | 'invalid_request' | 'unsupported_destination' | 'captcha_failed' | 'invalid_credentials' | 'wrong_code' | 'invalid_client' | 'locked'
  | 'session_not_found' | 'code_expired' | 'code_used' | 'too_large' | 'not_json' | 'weak_password' | 'too_many_requests' | 'internal' | 'unavailable'
  | 'network' | 'timeout' | 'refused' | 'bad_answer' | 'no_route' | 'captcha_missing' | 'captcha_unavailable' | (string & {});

export interface GenerateRequest {
  purpose?: 'verify' | 'login' | 'passwordless' | 'reset';
  /** Exactly one of the two; a phone for `verify` only. */
  email?: string;
  phone?: string;
  /** With `login`, and only there. */
  password?: string;
  clientId?: string;
  nonce?: string;
  captchaToken?: string;
  contact_me_by_fax_only?: string;
}

export interface Status {
  state: 'pending' | 'sent' | 'delivered' | 'bounced' | 'used' | 'expired' | 'locked';
  channel: 'email' | 'sms';
  /** Masked. */
  destination: string;
  /** Milliseconds since 1970 by this browser's clock; undefined if the API's time cannot be converted. */
  expiresAt: number | undefined;
  /** Null if the code is not sent again. */
  resendAt: number | null | undefined;
  attemptsRemaining: number;
  /** Seconds that a lock still lasts. */
  retryAfter: number | undefined;
}

/** The client of the API. Everything travels in the body of a POST, nothing in a URL. Every method rejects with an ApiError. */
export class Client {
  /** baseUrl: as https://login.example.com/api. locale: the language of the messages, a BCP 47 tag. */
  constructor(baseUrl: string, options?: { locale?: string; fetchFn?: typeof fetch; timeoutMs?: number });
  generate(request: GenerateRequest): Promise<{ sessionId: string }>;
  /** Sends the same code again. */
  resend(sessionId: string): Promise<{ sessionId: string }>;
  verify(sessionId: string, code: string): Promise<{
    verified: true; purpose: 'verify' | 'login'; email?: string; phone?: string; proof?: string; proofExpiresAt?: string;
  }>;
  reset(sessionId: string, code: string, password: string): Promise<{ reset: true }>;
  status(sessionId: string): Promise<Status>;
}
