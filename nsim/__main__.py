"""``python -m nsim`` is the command ``nsim``."""

from nsim.cli import main

if __name__ == "__main__":
    main()
