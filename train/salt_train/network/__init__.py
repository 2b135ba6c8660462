"""The U-Net and its encoders."""
