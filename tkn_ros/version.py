"""The version, as package.xml has it too."""

VERSION = '0.1.0'
