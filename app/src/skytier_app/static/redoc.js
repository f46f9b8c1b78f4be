// Here and not in the page, whose Content-Security-Policy allows no inline script.
import { init } from "../vendor/redoc-3.0.1/redoc.standalone.js";

init("/openapi.json", { disableTelemetry: true }, document.getElementById("redoc"));
