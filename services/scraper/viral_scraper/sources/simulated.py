"""placeholder"""
class SimulatedSource:
    of = None
