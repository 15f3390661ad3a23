from config.ground.admin.keys import ApiKeyAdmin

__all__ = ["ApiKeyAdmin"]
