"""Tells Neutron, as an agent does, that ports of a host can be bound. There is no bridge behind it.

    python3 fake_agent.py HOST MECHANISM --config-file neutron.conf

MECHANISM is Neutron's mechanism driver: linuxbridge or openvswitch.

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
TYPES = {"linuxbridge": "Linux bridge agent", "openvswitch": "Open vSwitch agent"}


def main(host: str, mechanism: str, arguments: list[str]) -> None:
    """Report for ever."""
    config.register_common_config_options()
    register_agent_state_opts_helper(cfg.CONF)
    config.init(arguments)
    config.setup_logging()
    state = {
        "binary": f"neutron-{mechanism}-agent",
        "host": host,
        "topic": constants.L2_AGENT_TOPIC,
        "agent_type": TYPES[mechanism],
        "configurations": {"bridge_mappings": {}, "tunnel_types": [], "l2_population": False},
        "start_flag": True,
    }
    neutron = PluginReportStateAPI(topics.REPORTS)
    while True:
        neutron.report_state(context.get_admin_context_without_session(), state, use_call=True)
        state.pop("start_flag", None)
        time.sleep(REPORT_EVERY_S)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
