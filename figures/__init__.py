"""Arrays in, Plotly figures out. Knows neither Streamlit nor PyTorch."""
