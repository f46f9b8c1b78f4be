"""Tells Neutron, as an agent does, that ports of a host can be bound. There is no bridge behind it.

    python3 fake_agent.py HOST --config-file neutron.conf

Runs with Debian's Python, which has Neutron.
"""

import sys
import time

from neutron.agent.rpc import PluginReportStateAPI
from neutron.common import config
from neutron.conf.agent.common import register_agent_state_opts_helper
from neutron_lib import constants, context
from neutron_lib.agent import topics
from oslo_config import cfg

REPORT_EVERY_S = 30
"""Neutron takes an agent for dead after 75."""


def main(host: str, arguments: list[str]) -> None:
    """Report for ever."""
    config.register_common_config_options()
    register_agent_state_opts_helper(cfg.CONF)
    config.init(arguments)
    config.setup_logging()
    state = {
        "binary": "neutron-linuxbridge-agent",
        "host": host,
        "topic": constants.L2_AGENT_TOPIC,
        "agent_type": constants.AGENT_TYPE_LINUXBRIDGE,
        "configurations": {"bridge_mappings": {}, "tunnel_types": [], "l2_population": False},
        "start_flag": True,
    }
    neutron = PluginReportStateAPI(topics.REPORTS)
    while True:
        neutron.report_state(context.get_admin_context_without_session(), state, use_call=True)
        state.pop("start_flag", None)
        time.sleep(REPORT_EVERY_S)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
